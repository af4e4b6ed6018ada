"""Settings of the notifier: the only module of it that reads the environment."""

from dataclasses import dataclass

from shared.runtime.settings import Address, Common, address, parsed, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What an operator may choose; design, section 13, has names and defaults.
    """

    common: Common
    receiver: Address
    no_cross_namespace_refs: bool

    @classmethod
    def from_environment(cls) -> "Settings":
        """
        Read them.

        Raises:
            StalledError: A setting is not valid.

        """
        return cls(
            common=Common.from_environment("notifier"),
            receiver=parsed("RECEIVER_ADDR", address, address(":9292")),
            no_cross_namespace_refs=text("NO_CROSS_NAMESPACE_REFS").lower() in {"true", "1"},
        )
