"""
What came to each Provider, held against what it must get.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]


def judged(
    must: Collection[int], arrived: Sequence[tuple[float, int]], order: Mapping[int, int]
) -> Json:
    """
    Say what was lost, what came more than once, unasked or late.

    Args:
        must: The events that the Provider must get.
        arrived: When which event came, in that order.
        order: The place of each event in the stream.

    """
    came = [number for _, number in arrived]
    return {
        "wanted": len(must),
        "came": len(came),
        "lost": sorted(set(must) - set(came)),
        "twice": len(came) - len(set(came)),
        "not_wanted": sorted(set(came) - set(must)),
        "out_of_order": disorder([order.get(number, 0) for number in came]),
    }


def disorder(came: Iterable[int]) -> int:
    """
    Count what came for the first time after something later, by places in the stream.
    """
    seen: set[int] = set()
    most = found = 0
    for number in came:
        found += number < most and number not in seen
        most = max(most, number)
        seen.add(number)
    return found


def verdicts(providers: Mapping[str, Json]) -> list[list[object]]:
    """
    Return the table of Providers.
    """
    found: list[list[object]] = [
        ["", "type", "wanted", "came", "lost", "twice", "not wanted", "out of order"]
    ]
    for name, one in providers.items():
        counts = len(one["lost"]), one["twice"], len(one["not_wanted"]), one["out_of_order"]
        found.append([name, one["type"], one["wanted"], one["came"], *counts])
    return found
