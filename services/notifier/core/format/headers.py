"""
Headers: their names keep their spelling and are compared without case.
"""

from collections.abc import Mapping


def overridden(base: Mapping[str, str], over: Mapping[str, str]) -> dict[str, str]:
    """
    Return ``base`` with the headers of ``over`` in the place of those of the same name.
    """
    names = {name.lower() for name in over}
    return {name: value for name, value in base.items() if name.lower() not in names} | dict(over)
