"""How a recorded answer and a given one are compared: by the name that each call of a transcript carries.

Numbers agree to a tolerance wherever they are compared. What an engine draws at random, or leaves to the order of a
hash table, is compared by what must hold of it.
"""

import math
from collections.abc import Callable
from typing import Any

RELATIVE, ABSOLUTE = 2e-4, 2e-5


def same(name: str, given: Any, expected: Any) -> bool:
    """Whether an answer agrees with the recorded one, under the comparison `name`."""
    if name not in _COMPARISONS:
        raise ValueError(f"unknown comparison {name!r}")
    try:
        return _COMPARISONS[name](given, expected)
    except (TypeError, ValueError, IndexError, KeyError):  # an answer of another shape
        return False


def _equal(given: Any, expected: Any) -> bool:
    return bool(given == expected)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def close(given: Any, expected: Any) -> bool:
    """Equal but for the last digits of numbers."""
    if isinstance(expected, list):
        return isinstance(given, list) and len(given) == len(expected) and all(map(close, given, expected))
    if isinstance(expected, dict):
        return (
            isinstance(given, dict)
            and given.keys() == expected.keys()
            and all(close(given[key], value) for key, value in expected.items())
        )
    if _is_number(given) and _is_number(expected):
        both_nan = math.isnan(given) and math.isnan(expected)
        return both_nan or math.isclose(given, expected, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return type(given) is type(expected) and bool(given == expected)


def _shape(given: Any, expected: Any) -> bool:
    """The same types and lengths."""
    if isinstance(expected, list):
        return isinstance(given, list) and len(given) == len(expected) and all(map(_shape, given, expected))
    if isinstance(expected, dict):
        return (
            isinstance(given, dict)
            and given.keys() == expected.keys()
            and all(_shape(given[key], value) for key, value in expected.items())
        )
    return (_is_number(given) and _is_number(expected)) or type(given) is type(expected)


def _set(given: Any, expected: Any) -> bool:
    return isinstance(given, list) and sorted(map(repr, given)) == sorted(map(repr, expected))


def _pairs(given: Any, expected: Any) -> bool:
    """[[name, number]...] in any order; a name may stand more than once."""
    return isinstance(given, list) and close(sorted(given), sorted(expected))


def _lists_of_pairs(given: Any, expected: Any) -> bool:
    return isinstance(given, list) and len(given) == len(expected) and all(map(_pairs, given, expected))


def _datum(given: Any, expected: Any) -> bool:
    return len(given) >= 2 and _pairs(given[0], expected[0]) and _pairs(given[1], expected[1])


def _scored(given: Any, expected: Any) -> bool:
    """[[id, score]...]: ids may change places where scores are the same; which of the last ones are cut is free."""
    if not close([score for _, score in given], [score for _, score in expected]):
        return False
    start = 0
    for end in range(1, len(expected)):
        if close(expected[end][1], expected[start][1]):
            continue
        if {id_ for id_, _ in given[start:end]} != {id_ for id_, _ in expected[start:end]}:
            return False
        start = end
    return True


def _some_text(given: Any, _: Any) -> bool:
    return isinstance(given, str) and given != ""


def _members(given: Any, expected: Any) -> bool:
    """[[weight, datum]...]: the weights in any order."""
    return close(sorted(member[0] for member in given), sorted(member[0] for member in expected))


def _members_light(given: Any, expected: Any) -> bool:
    return {id_ for _, id_ in given} == {id_ for _, id_ in expected}


def _clusters(given: Any, expected: Any) -> bool:
    return sorted(map(len, given)) == sorted(map(len, expected))


def _clusters_light(given: Any, expected: Any) -> bool:
    def ids(clusters: Any) -> set[frozenset[str]]:
        return {frozenset(id_ for _, id_ in cluster) for cluster in clusters}

    return _clusters(given, expected) and ids(given) == ids(expected)


def _centers(given: Any, expected: Any) -> bool:
    def place(center: Any) -> Any:
        return sorted((key, round(value, 1)) for key, value in center[1])

    given, expected = sorted(given, key=place), sorted(expected, key=place)
    return len(given) == len(expected) and all(map(_datum, given, expected))


def _path(given: Any, expected: Any) -> bool:
    """Of several shortest paths any will do."""
    return len(given) == len(expected) and given[:1] == expected[:1] and given[-1:] == expected[-1:]


def _node(given: Any, expected: Any) -> bool:
    return bool(given[0] == expected[0]) and _set(given[1], expected[1]) and _set(given[2], expected[2])


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": _equal,
    "close": close,
    "shape": _shape,
    "set": _set,
    "labels": _lists_of_pairs,
    "features": _pairs,
    "datum": _datum,
    "scored": _scored,
    "id_score": close,
    "choice": _some_text,
    "members": _members,
    "members_light": _members_light,
    "clusters": _clusters,
    "clusters_light": _clusters_light,
    "centers": _centers,
    "path": _path,
    "node": _node,
    "node_id": _equal,
    "edge": _equal,
    "edge_id": _equal,
}
