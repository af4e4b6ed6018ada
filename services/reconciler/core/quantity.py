"""
Quantities of Kubernetes: ``1000m`` and ``1`` are the same amount.
"""

import re
from decimal import Decimal

from services.reconciler.core.paths import Path

_FORM = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))"
    r"(?:(?P<suffix>Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])|[eE](?P<exponent>[+-]?[0-9]{1,3}))?"
)
_BINARY = {suffix: Decimal(1024) ** (n + 1) for n, suffix in enumerate(("Ki", "Mi", "Gi"))} | {
    suffix: Decimal(1024) ** (n + 4) for n, suffix in enumerate(("Ti", "Pi", "Ei"))
}
_DECIMAL = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
}
_FACTORS = _BINARY | _DECIMAL
# Fields of built-in kinds whose values, or the values of whose maps, are quantities.
_HOLDERS = frozenset(
    {
        "limits",
        "requests",
        "hard",
        "capacity",
        "allocatable",
        "default",
        "defaultRequest",
        "max",
        "min",
        "maxLimitRequestRatio",
        "podFixed",
        "overhead",
    }
)
_FIELDS = frozenset({"sizeLimit", "divisor", "averageValue", "storage", "cpu", "memory"})
_LONGEST = 64  # characters; nobody writes a longer amount


def is_quantity(path: Path) -> bool:
    """
    Say whether a field of a built-in kind holds a quantity.
    """
    if not path or path[0] == "data":
        return False
    parent = path[-2] if len(path) > 1 else ""
    return path[-1] in _FIELDS or parent in _HOLDERS


def parse(value: object) -> Decimal | None:
    """
    Return the amount, or None if the value is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    match = _FORM.fullmatch(str(value)) if len(str(value)) <= _LONGEST else None
    if match is None:
        return None
    amount = Decimal(match["number"])
    if match["exponent"]:
        return amount.scaleb(int(match["exponent"]))
    return amount * _FACTORS.get(match["suffix"], Decimal(1))


def same(one: object, other: object) -> bool:
    """
    Say whether both are quantities of one amount.
    """
    first = parse(one)
    return first is not None and first == parse(other)
