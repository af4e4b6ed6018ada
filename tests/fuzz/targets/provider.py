"""The Secret of a Provider: headers without line breaks, or the Provider is refused."""

from services.notifier.core.target import headers_of, target_of
from shared.api import Provider
from shared.errors import StalledError, WaitingError

ENTRIES = ("address", "token", "username", "proxy")


def one(data):
    *values, headers = data.split(b"\x00", len(ENTRIES))
    secret = dict(zip(ENTRIES, values, strict=False)) | {"headers": headers}
    provider = Provider.read(
        {
            "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
            "kind": "Provider",
            "metadata": {"name": "p", "namespace": "ns"},
            "spec": {"type": "generic", "secretRef": {"name": "s"}},
        }
    )
    try:
        target = target_of(provider, {name: value for name, value in secret.items() if value})
    except (StalledError, WaitingError):
        return
    assert target.headers == headers_of(headers.decode().strip())
    for name, value in target.headers.items():
        assert name.isascii()
        assert not set("\r\n\0") & set(name + value)
        assert name.lower() not in {"content-length", "transfer-encoding", "x-signature"}
