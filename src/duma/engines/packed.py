"""The MessagePack of user data: read piece by piece, with errors that say what was expected where, and written so."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any, NoReturn, TypeVar

import msgpack

from duma.errors import ModelFileError

T = TypeVar("T")

_WHATEVER_READING_RAISES = (ValueError, TypeError, msgpack.UnpackException)
_NO_LIMIT = 0
_ITEMS_OF_A_PIECE = 256


class PackedReader:
    """Goes through user data from its beginning. Every method raises `ModelFileError`."""

    def __init__(self, data: memoryview) -> None:
        self._unpacker = msgpack.Unpacker(
            _Stream(data), raw=True, strict_map_key=False, max_buffer_size=_NO_LIMIT
        )

    @property
    def position(self) -> int:
        """Bytes read so far."""
        position: int = self._unpacker.tell()
        return position

    def array(self, what: str) -> int:
        """The elements of the array that begins here; they follow."""
        elements: int = self._read(self._unpacker.read_array_header, f"{what} is not an array")
        return elements

    def map(self, what: str) -> int:
        """The entries of the map that begins here; they follow, each as key and value."""
        entries: int = self._read(self._unpacker.read_map_header, f"{what} is not a map")
        return entries

    def value(self, what: str) -> Any:
        """The value that begins here, whatever it is."""
        return self._read(self._unpacker.unpack, f"{what} is not MessagePack")

    def skip(self, values: int = 1) -> None:
        """Pass over values."""
        for _ in range(values):
            self._read(self._unpacker.skip, "it ends too early or is not MessagePack")

    def _read(self, read: Callable[[], T], problem: str) -> T:
        position = self.position
        try:
            return read()
        except msgpack.OutOfData:
            broken(f"it ends too early, behind byte {position}")
        except _WHATEVER_READING_RAISES:
            broken(f"{problem}, at byte {position}")


def read_user_data(user_data: memoryview, what: str) -> tuple[PackedReader, int]:
    """A reader behind the head of user data, at the first element of what the engine keeps (an array, named `what`),
    and how many elements that has. Raises `ModelFileError`.
    """
    reader = PackedReader(user_data)
    reader.array("user data")
    reader.skip()  # the version, which was checked with the file
    return reader, reader.array(what)


def unpacked(data: memoryview, what: str, *, tuples: bool = False) -> Any:
    """The one value that `data` is; arrays as lists, or as tuples where they may be keys. Raises `ModelFileError`."""
    try:
        return msgpack.unpackb(data, raw=True, strict_map_key=False, use_list=not tuples)
    except _WHATEVER_READING_RAISES:
        broken(f"{what} is not MessagePack")


def packer() -> msgpack.Packer:
    """Writes the old types only: raw for text and bytes."""
    return msgpack.Packer(use_bin_type=False, unicode_errors="surrogateescape")


def in_pieces(packed: Iterable[bytes]) -> Iterator[bytes]:
    """Many small pieces as fewer ones, none of which takes long to make."""
    items = iter(packed)
    while piece := b"".join(islice(items, _ITEMS_OF_A_PIECE)):
        yield piece


class LazySnapshot:
    """User data that are packed when they are written (see `duma.engines.engine.Snapshot`).

    `chunks` packs what the model was at one moment; it is called once for the size and once to write.
    """

    def __init__(self, chunks: Callable[[], Iterator[bytes]]) -> None:
        self.chunks = chunks

    @cached_property
    def size(self) -> int:
        """Bytes of all chunks. Found by packing them, so not while updates wait."""
        return sum(map(len, self.chunks()))


def broken(problem: str) -> NoReturn:
    """Raises the `ModelFileError` for user data that has another form than it must."""
    raise ModelFileError(f"user data is broken: {problem}")


def integer(value: Any, what: str) -> int:
    """A value that must be an integer from 0 up. Raises `ModelFileError`."""
    if type(value) is not int or value < 0:
        broken(f"{what} is {value!r:.50}, not an integer from 0 up")
    return value


def name(value: Any, what: str) -> bytes:
    """A value that must be raw. Raises `ModelFileError`."""
    if type(value) is not bytes:
        broken(f"{what} is {value!r:.50}, not a name")
    return value


def text(value: Any, what: str) -> str:
    """A value that must be raw, as text; bytes that are not UTF-8 as surrogates. Raises `ModelFileError`."""
    return name(value, what).decode("utf-8", "surrogateescape")


def number(value: Any, what: str) -> float:
    """A value that must be a number. Raises `ModelFileError`."""
    if type(value) is not float and type(value) is not int:
        broken(f"{what} is {value!r:.50}, not a number")
    return float(value)


def fields(value: Any, count: int, what: str) -> list[Any]:
    """The first `count` elements of a value that must be an array with as many or more. Raises `ModelFileError`."""
    if type(value) is not list or len(value) < count:
        broken(f"{what} is {value!r:.50}, not an array of {count}")
    return value[:count]


def numbers(value: Any, what: str) -> dict[bytes, float]:
    """A value that must be a map from names to numbers. Raises `ModelFileError`."""
    if type(value) is not dict:
        broken(f"{what} is not a map")
    for key, number in value.items():
        if type(key) is not bytes or type(number) not in (int, float):
            broken(f"{what} has {key!r:.50}: {number!r:.50}, not a name with a number")
    return value


class _Stream:
    """A view as the file that an unpacker reads from, so that only what is being read is copied."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._offset = 0

    def read(self, size: int) -> bytes:
        piece = bytes(self._data[self._offset : self._offset + size])
        self._offset += len(piece)
        return piece
