"""Settings of the notifier: the only module of it that reads the environment."""

from dataclasses import dataclass
from pathlib import Path

from shared.runtime.settings import Address, Common, address, parsed, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What an operator may choose; design, section 13, has names and defaults.
    """

    common: Common
    nats_password_file: Path | None
    receiver: Address
    no_cross_namespace_refs: bool

    @classmethod
    def from_environment(cls) -> "Settings":
        """
        Read them.

        Raises:
            StalledError: A setting is not valid.

        """
        password = text("NATS_PASSWORD_FILE")
        return cls(
            common=Common.from_environment("notifier"),
            nats_password_file=Path(password) if password else None,
            receiver=parsed("RECEIVER_ADDR", address, address(":9292")),
            no_cross_namespace_refs=text("NO_CROSS_NAMESPACE_REFS").lower() in {"true", "1"},
        )
