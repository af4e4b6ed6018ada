"""What may be an origin's address."""

import pytest

from services.source.core.location import Location
from shared.errors import StalledError


@pytest.mark.parametrize(
    ("url", "origin", "path", "user"),
    [
        ("https://example.com/org/repo", "https://example.com:443", "/org/repo", ""),
        ("http://127.0.0.1:3000/r.git", "http://127.0.0.1:3000", "/r.git", ""),
        ("http://[::1]:3000/r.git", "http://[::1]:3000", "/r.git", ""),
        ("ssh://git@example.com/org/repo.git", "ssh://example.com:22", "/org/repo.git", "git"),
        ("ssh://example.com:2222/repo", "ssh://example.com:2222", "/repo", "git"),
        (
            "ssh://key@git-codecommit.example.com/v1/r",
            "ssh://git-codecommit.example.com:22",
            "/v1/r",
            "key",
        ),
    ],
)
def test_the_parts_of_an_address_are_read(url, origin, path, user):
    at = Location.parse(url)
    assert (at.origin, at.path, at.user) == (origin, path, user)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ext::sh -c id",
        "git://example.com/r",
        "git@example.com:org/repo",
        "ssh://-oProxyCommand=x/r",
        "ssh://git:pw@example.com/r",
        "ssh://-x@example.com/r",
        "ssh://git@example.com/--upload-pack=x",
        "ssh://git@example.com/a'b",
        "https://user:token@example.com/r",
        "https://token@example.com/r",
        "https:///r",
        "https://example.com",
        "https://example.com/",
        "https://example.com/r?x=1",
        "https://example.com/r#x",
        "https://example.com/a b",
        "https://example.com/r\nHost: x",
        "https://example.com:99999/r",
        "https://exa mple.com/r",
        "https://a;b/r",
    ],
)
def test_what_could_be_read_as_more_than_an_address_is_refused(url):
    with pytest.raises(StalledError) as caught:
        Location.parse(url)
    assert caught.value.reason == "URLInvalid"
    assert "spec.url" in caught.value.message


def test_credentials_in_an_address_are_not_repeated():
    with pytest.raises(StalledError) as caught:
        Location.parse("https://user:hunter2@example.com/r")
    assert "hunter2" not in caught.value.message
    assert "spec.secretRef" in caught.value.message
