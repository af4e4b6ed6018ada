"""
Which credentials a Secret holds for an origin, and what is missing.
"""

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.source.core.location import Location
from shared.errors import TransientError

FAILED = "AuthenticationFailed"
_BASE64 = re.compile(r"[A-Za-z0-9+/=]{16,}")
_HEAD = 48  # characters of a key in which the name of its cipher stands
_MAGIC = b"openssh-key-v1\0"
_APP_KEYS = ("githubAppID", "githubAppPrivateKey")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """
    What to show to the origin; no value ever shows in the representation.
    """

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    bearer: str = field(default="", repr=False)
    ca: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    known_hosts: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)

    @property
    def values(self) -> tuple[str, ...]:
        """
        Return what must never be shown.
        """
        return tuple(
            value
            for value in (self.password, self.bearer, self.passphrase, self.key, self.identity)
            if value
        )


NONE = Credentials()


def read(secret: str, data: Mapping[str, bytes], at: Location) -> Credentials:
    """
    Read a Secret's data.

    Args:
        secret: ``namespace/name``, for messages.
        data: The decoded values.
        at: Where they are used: ssh takes other keys than http.

    Raises:
        TransientError: Something is missing or unusable; mending the Secret helps.

    """
    texts = {key: _text(secret, key, value) for key, value in data.items()}
    if any(key in texts for key in _APP_KEYS):
        raise TransientError(
            f"Secret {secret} has GitHub App credentials, which are not supported; "
            "use username and password (a token) instead",
            reason="InvalidProviderConfiguration",
        )
    return _ssh(secret, texts) if at.scheme == "ssh" else _http(secret, texts)


def _ssh(secret: str, texts: Mapping[str, str]) -> Credentials:
    for key, meaning in (("identity", "the private key"), ("known_hosts", "the host's keys")):
        if not texts.get(key, "").strip():
            raise TransientError(
                f"Secret {secret} has no {key!r} ({meaning}), which ssh needs; add it",
                reason=FAILED,
            )
    if not texts.get("password") and _encrypted(texts["identity"]):
        raise TransientError(
            f"Secret {secret} has an 'identity' with a passphrase but no 'password' that opens it; "
            "add it",
            reason=FAILED,
        )
    return Credentials(
        # A key without its last line break is refused by ssh with an obscure message.
        identity=texts["identity"].replace("\r\n", "\n").rstrip("\n") + "\n",
        known_hosts=texts["known_hosts"].rstrip("\n") + "\n",
        passphrase=texts.get("password", ""),
    )


def _encrypted(key: str) -> bool:
    if "ENCRYPTED" in key:
        return True
    body = "".join(line for line in key.split() if _BASE64.fullmatch(line))
    try:
        head = binascii.a2b_base64(body[:_HEAD])
    except binascii.Error:
        return False
    # The name of the cipher follows the magic, with its length before it.
    return head.startswith(_MAGIC) and not head[len(_MAGIC) + 4 :].startswith(b"none")


def _http(secret: str, texts: Mapping[str, str]) -> Credentials:
    username, password = texts.get("username", ""), texts.get("password", "")
    bearer = texts.get("bearerToken", "").strip()
    if bool(username) != bool(password) and not bearer:
        given, missing = ("username", "password") if username else ("password", "username")
        raise TransientError(
            f"Secret {secret} has {given!r} but no {missing!r}; add it", reason=FAILED
        )
    if any(char in username + password + bearer for char in "\r\n\0"):
        raise TransientError(
            f"Secret {secret} has a line break inside username, password or bearerToken; remove it",
            reason=FAILED,
        )
    certificate, key = texts.get("tls.crt", ""), texts.get("tls.key", "")
    if bool(certificate) != bool(key):
        raise TransientError(
            f"Secret {secret} must have both 'tls.crt' and 'tls.key', or neither; add the other",
            reason=FAILED,
        )
    ca = texts.get("ca.crt", "") or texts.get("caFile", "")
    if not (username or bearer or ca or certificate):
        raise TransientError(
            f"Secret {secret} has neither username and password, nor bearerToken, nor ca.crt; "
            "add what the origin expects",
            reason=FAILED,
        )
    # Basic goes before bearer where a Secret has both, as the reference has it.
    return Credentials(
        username=username,
        password=password,
        bearer="" if username else bearer,
        ca=ca,
        certificate=certificate,
        key=key,
    )


def _text(secret: str, key: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise TransientError(
            f"Secret {secret} has a value under {key[:80]!r} that is no text; correct it",
            reason=FAILED,
        ) from None
