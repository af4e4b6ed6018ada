"""What people read about a fetch that failed."""

import errno
import os
from dataclasses import replace

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


@pytest.mark.parametrize("form", ["YWRhOmh1bnRlciAy", "hunter%202", "hunter 2", "aHVudGVyIDI="])
def test_an_origin_that_says_the_credentials_back_is_not_quoted_in_any_form(form):
    job = replace(JOB, credentials={"username": "ada", "password": "hunter 2"})
    message = explain(job, RuntimeError(f"remote: Basic {form}, \x1b[31mno\udc80")).message
    assert form not in message
    assert "***" in message
    message.encode()
