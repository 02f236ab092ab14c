"""A map and a queue that snapshots share: to take one costs about a thousand references, whatever they hold.

What is in them must never change itself. Neither locks: changes and copies must not happen at the same time.
"""

import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Generic, Protocol, TypeVar

from duma.engines.wire_types import raw

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)

_PARTS = 1024
_BLOCK = 1024


class Entries(Protocol[V_co]):
    """What is written of a map; a dict has it, too."""

    def __len__(self) -> int: ...

    def items(self) -> Iterable[tuple[str, V_co]]:
        """Keys with values, in any order."""


class SharedMap(Generic[V]):
    """A map of text keys. Its order is fixed by the keys and by the order in which they came."""

    __slots__ = ("_len", "_parts", "_shared")

    def __init__(self, entries: Iterable[tuple[str, V]] = ()) -> None:
        self._parts: list[dict[str, V]] = [{} for _ in range(_PARTS)]
        self._shared = bytearray(
            _PARTS
        )  # 1: a copy has the part as well, so it must be copied before it changes
        self._len = 0
        for key, value in entries:
            self[key] = value

    def __len__(self) -> int:
        return self._len

    def get(self, key: str) -> V | None:
        """The value of a key, if there is one."""
        return self._parts[_part(key)].get(key)

    def __setitem__(self, key: str, value: V) -> None:
        part = self._own_part(key)
        before = len(part)
        part[key] = value
        self._len += len(part) - before

    def pop(self, key: str) -> V | None:
        """Remove a key; returns its value, if there was one."""
        if key not in self._parts[_part(key)]:
            return None
        self._len -= 1
        return self._own_part(key).pop(key)

    def items(self) -> Iterator[tuple[str, V]]:
        """Keys with values."""
        return chain.from_iterable(part.items() for part in self._parts)

    def copy(self) -> "SharedMap[V]":
        """A map with the same entries; both can change."""
        made: SharedMap[V] = SharedMap.__new__(SharedMap)
        made._parts, made._len = self._parts.copy(), self._len
        self._shared, made._shared = bytearray(b"\1" * _PARTS), bytearray(b"\1" * _PARTS)
        return made

    def _own_part(self, key: str) -> dict[str, V]:
        number = _part(key)
        if self._shared[number]:
            self._parts[number] = self._parts[number].copy()
            self._shared[number] = 0
        return self._parts[number]


def _part(key: str) -> int:
    # Not by `hash`, which is another in each process: files of equal models are equal.
    return zlib.crc32(raw(key)) % _PARTS


class SharedQueue(Generic[V]):
    """A queue: items come at its end and go at its beginning."""

    __slots__ = ("_blocks", "_first", "_len")

    def __init__(self) -> None:
        self._blocks: deque[list[V]] = deque()  # nothing but appended to, so that copies can share them
        self._first = 0  # where the queue begins in the first block
        self._len = 0

    def __len__(self) -> int:
        return self._len

    def append(self, item: V) -> None:
        """Add an item at the end."""
        if not self._blocks or len(self._blocks[-1]) == _BLOCK:
            self._blocks.append([])
        self._blocks[-1].append(item)
        self._len += 1

    def popleft(self) -> V:
        """Remove the first item. Raises `IndexError` when there is none."""
        if not self._len:
            raise IndexError("the queue is empty")
        item = self._blocks[0][self._first]
        self._first += 1
        self._len -= 1
        if self._first == _BLOCK:
            self._blocks.popleft()
            self._first = 0
        return item

    def copy(self) -> "QueueCopy[V]":
        """The items as they are now."""
        return QueueCopy(list(self._blocks), self._first, self._len)


class QueueCopy(Generic[V]):
    """A queue as it was at one moment."""

    __slots__ = ("_blocks", "_first", "_len")

    def __init__(self, blocks: list[list[V]], first: int, length: int) -> None:
        self._blocks, self._first, self._len = blocks, first, length

    def __len__(self) -> int:
        return self._len

    def __iter__(self) -> Iterator[V]:
        return islice(chain.from_iterable(self._blocks), self._first, self._first + self._len)

    def __contains__(self, item: object) -> bool:
        return any(each == item for each in self)
