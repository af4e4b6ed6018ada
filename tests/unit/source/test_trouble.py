"""What people read about a fetch that failed."""

import errno
import os

import pytest

from services.source.adapters.job import Job
from services.source.adapters.trouble import explain

JOB = Job(
    scheme="https",
    host="git.example",
    port=443,
    path="/r",
    user="",
    origin="https://git.example:443",
    addresses=["192.0.2.1"],
    reference={},
    ignore="",
    known="",
    where="",
)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_nothing_is_not_the_origins_fault(code):
    message = explain(JOB, OSError(code, os.strerror(code))).message
    assert "data directory" in message
    assert "spec.url" not in message


def test_an_origin_that_resets_the_connection_is():
    assert "spec.url" in explain(JOB, ConnectionResetError(errno.ECONNRESET, "reset")).message
