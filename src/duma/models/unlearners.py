"""The unlearner's part of user data: the ids (labels, here) it knows, and how another one takes them.

lru: [[ids, most recent first], [sticky ids]]        random: [{id: position}, [ids by position]]
"""

from collections.abc import Iterable
from typing import Any

from duma.engines.unlearner_configuration import LruUnlearner, RandomUnlearner
from duma.models.packed import broken, name

Unlearner = LruUnlearner | RandomUnlearner


def known_ids(unlearner: Unlearner, data: Any) -> list[bytes]:
    """The ids in an unlearner's data: those that would go first come first, sticky ones last.

    Raises `ModelFileError`.
    """
    if type(data) is not list or len(data) != 2:
        broken("the unlearner's data is not an array of 2")
    if isinstance(unlearner, LruUnlearner):
        return [*reversed(_names(data[0])), *sorted(_names(data[1]))]
    return _names(data[1])


def known_in_any(unlearner: Unlearner, parts: Iterable[Any]) -> list[bytes]:
    """The ids in the data of several servers, as `known_ids`: each is as recent as where it is most recent."""
    rank: dict[bytes, int] = {}
    for data in parts:
        for i, id_ in enumerate(reversed(known_ids(unlearner, data))):
            rank[id_] = min(rank.get(id_, i), i)
    return sorted(rank, key=lambda id_: (-rank[id_], id_))


def fitted(unlearner: Unlearner, ids: list[bytes]) -> tuple[Any, list[bytes]]:
    """Data for an unlearner that knows `ids`, given in the order of `known_ids`; and those without room.

    Sticky ids have room first; of the others, those that would go first have none.
    """
    sticky = [id_ for id_ in ids if _is_sticky(unlearner, id_)]
    others = [id_ for id_ in ids if not _is_sticky(unlearner, id_)]
    sticky, lost = sticky[: unlearner.max_size], sticky[unlearner.max_size :]
    excess = max(0, len(sticky) + len(others) - unlearner.max_size)
    others, lost = others[excess:], others[:excess] + lost
    if isinstance(unlearner, LruUnlearner):
        return [others[::-1], sticky], lost
    return [{id_: position for position, id_ in enumerate(others)}, others], lost


def arranged(unlearner: Any) -> Any:
    """An unlearner's data with sticky ids, which have no order, in one."""
    if type(unlearner) is list and len(unlearner) == 2 and type(unlearner[0]) is list:
        return [unlearner[0], sorted(unlearner[1])]
    return unlearner


def _is_sticky(unlearner: Unlearner, id_: bytes) -> bool:
    return (
        isinstance(unlearner, LruUnlearner) and unlearner.sticky is not None and unlearner.sticky.matches(id_)
    )


def _names(value: Any) -> list[bytes]:
    if type(value) is not list:
        broken("the unlearner's ids are not an array")
    return [name(id_, "an unlearner's id") for id_ in value]
