"""Where NATS is, and who we are there."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """
    A server's address and a user of it; without a password file the address holds the password.
    """

    url: str
    user: str
    password_file: Path | None
    name: str

    @property
    def shown(self) -> str:
        """
        The address without user and password.
        """
        return self.url.rpartition("@")[2].removeprefix("nats://")

    @property
    def inbox(self) -> str:
        """
        The prefix of the addresses on which this user may hear.
        """
        return f"_INBOX.{self.user or 'anonymous'}"

    def password(self) -> str:
        """
        Read the password: it may have changed since the last connection.
        """
        return self.password_file.read_text().strip() if self.password_file is not None else ""
