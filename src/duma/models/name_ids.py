"""Names and their ids in user data: [{name: id}, {id: name}, next id]."""

from collections.abc import Iterable, Iterator
from typing import Any

from duma.models.packed import broken, integer, name, packer


def read_ids(value: Any, what: str, one: str) -> tuple[dict[bytes, int], int]:
    """The ids by their names, and the next one, which is above all. Raises `ModelFileError`."""
    if type(value) is not list or len(value) < 3 or type(value[0]) is not dict:
        broken(f"{what} is not an array of two maps and the next id")
    ids = {name(key, one): integer(id_, f"{one}'s id") for key, id_ in value[0].items()}
    if len(set(ids.values())) < len(ids):
        broken(f"two names in {what} have the same id")
    return ids, max([integer(value[2], f"the next id in {what}"), *(id_ + 1 for id_ in ids.values())])


def read_names(value: Any, what: str, one: str) -> dict[int, bytes]:
    """The names by their ids, in the order of the ids. Raises `ModelFileError`."""
    ids, _ = read_ids(value, what, one)
    return dict(sorted((id_, key) for key, id_ in ids.items()))


def pack_names(names: Iterable[bytes]) -> Iterator[bytes]:
    """Names with the ids 0, 1, ..., piece by piece."""
    out, listed = packer(), list(names)
    yield out.pack_array_header(3) + out.pack_map_header(len(listed))
    for id_, key in enumerate(listed):
        yield out.pack(key) + out.pack(id_)
    yield out.pack_map_header(len(listed))
    for id_, key in enumerate(listed):
        yield out.pack(id_) + out.pack(key)
    yield out.pack(len(listed))
