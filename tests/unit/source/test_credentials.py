"""What a Secret holds for an origin."""

import pytest

from services.source.core.credentials import Credentials, read
from services.source.core.location import Location
from shared.errors import TransientError

HTTP = Location.parse("https://example.com/r")
SSH = Location.parse("ssh://git@example.com/r")
KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ({"username": b"u", "password": b"p"}, Credentials(username="u", password="p")),
        ({"bearerToken": b"t\n"}, Credentials(bearer="t")),
        (
            {"username": b"u", "password": b"p", "bearerToken": b"t"},
            Credentials(username="u", password="p"),
        ),
        ({"ca.crt": b"CA"}, Credentials(ca="CA")),
        ({"caFile": b"CA"}, Credentials(ca="CA")),
        ({"tls.crt": b"c", "tls.key": b"k"}, Credentials(certificate="c", key="k")),
    ],
)
def test_for_http_it_is_basic_bearer_or_certificates(data, wanted):
    assert read("ns/s", data, HTTP) == wanted


def test_for_ssh_it_is_a_key_with_the_host_keys():
    found = read("ns/s", {"identity": KEY, "known_hosts": b"h k", "identity.pub": b"p"}, SSH)
    assert found.identity == KEY.decode() + "\n"
    assert found.known_hosts == "h k\n"


@pytest.mark.parametrize(
    ("data", "at", "words"),
    [
        ({}, HTTP, "neither username"),
        ({"username": b"u"}, HTTP, "no 'password'"),
        ({"password": b"p"}, HTTP, "no 'username'"),
        ({"username": b"u", "password": b"p\r\nX: y"}, HTTP, "line break"),
        ({"tls.crt": b"c"}, HTTP, "both 'tls.crt' and 'tls.key'"),
        ({"username": b"\xff", "password": b"p"}, HTTP, "no text"),
        ({"username": b"u", "password": b"p"}, SSH, "no 'identity'"),
        ({"identity": KEY}, SSH, "no 'known_hosts'"),
        ({"identity": KEY, "known_hosts": b" "}, SSH, "no 'known_hosts'"),
    ],
)
def test_what_is_missing_is_named(data, at, words):
    with pytest.raises(TransientError, match=words) as caught:
        read("ns/s", data, at)
    assert caught.value.reason == "AuthenticationFailed"
    assert "ns/s" in caught.value.message


@pytest.mark.parametrize("form", ["pem", "openssh"])
def test_a_key_with_a_passphrase_needs_it(form):
    keys = {
        "pem": b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nabc\n",
        "openssh": b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
        b"b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0\n"
        b"-----END OPENSSH PRIVATE KEY-----\n",
    }
    data = {"identity": keys[form], "known_hosts": b"h k"}
    with pytest.raises(TransientError, match="'password'"):
        read("ns/s", data, SSH)
    assert read("ns/s", data | {"password": b"pw"}, SSH).passphrase == "pw"


def test_github_app_credentials_are_refused_by_name():
    with pytest.raises(TransientError, match="GitHub App") as caught:
        read("ns/s", {"githubAppID": b"1"}, HTTP)
    assert caught.value.reason == "InvalidProviderConfiguration"


def test_no_value_shows_in_the_representation():
    shown = repr(
        Credentials(username="u", password="hunter2", bearer="hunter2", identity="hunter2")
    )
    assert "hunter2" not in shown
