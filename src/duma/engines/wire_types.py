"""The types that methods declare, and their form on the wire.

A declared type is one of `bool`, `Int`, `UInt`, `Long`, `ULong`, `Float`, `Double` (or plain `int` = Int, `float` =
Double), `str`, `bytes`, `list[T]`, `dict[str, T]`, or a NamedTuple of these. A NamedTuple is an array of its fields:
lenient like Jubatus' structures (what is missing takes its default, what is too much is ignored) unless it is a `Pair`.
`Datum` brings its own form.

Everything is written in the old MessagePack types (raw for text and bytes). Text that is not UTF-8 survives a round
trip as surrogate escapes, since Jubatus never looked at encodings.
"""

import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NewType, Protocol, runtime_checkable

import msgpack

from duma.errors import ArgumentMismatch

Int = NewType("Int", int)
UInt = NewType("UInt", int)
Long = NewType("Long", int)
ULong = NewType("ULong", int)
Float = NewType("Float", float)
Double = NewType("Double", float)


class Pair:
    """Marks a NamedTuple whose array must have exactly its fields."""


@runtime_checkable
class WireForm(Protocol):
    """A class that converts itself."""

    def to_wire(self) -> Any: ...

    @classmethod
    def from_wire(cls, value: Any) -> Any: ...


class Kind(Enum):
    """What values of a type are made of."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    REAL = "real"
    STRING = "string"
    BYTES = "bytes"
    LIST = "list"
    MAP = "map"
    STRUCTURE = "structure"
    OWN = "own"  # a class that converts itself


@dataclass(frozen=True, slots=True)
class WireType:
    """How values of one declared type are written (`to_wire`) and read (`from_wire`).

    `parts` has the item of a list, the values of a map, the fields of a structure by name; `declared` is the type of a
    structure and of what converts itself.
    """

    name: str
    to_wire: Callable[[Any], Any]
    from_wire: Callable[[Any], Any]
    kind: Kind
    parts: "tuple[tuple[str, WireType], ...]" = ()
    declared: Any = None

    def pack(self, value: Any) -> bytes:
        """The MessagePack bytes of `value`. Raises `ArgumentMismatch` for a value of another type."""
        return pack(self.to_wire(value))

    def unpack(self, data: bytes | memoryview) -> Any:
        """The value in `data`. Raises `ArgumentMismatch` where the bytes hold another type."""
        return self.from_wire(unpack(data))

    def accept(self, value: Any) -> Any:
        """A Python value as a method takes it: structures are of their class, also where a tuple or a list is given.

        Raises `ArgumentMismatch` for a value of another type.
        """
        written = self.to_wire(value)
        return self.unpack(pack(written)) if isinstance(written, (list, dict)) else written


def pack(value: Any) -> bytes:
    """MessagePack of plain values in the old types."""
    packed: bytes = msgpack.packb(value, use_bin_type=False, unicode_errors="surrogateescape")
    return packed


def unpack(data: bytes | memoryview) -> Any:
    """Plain values of MessagePack bytes; everything raw comes as `bytes`."""
    try:
        return msgpack.unpackb(data, raw=True, strict_map_key=False, use_list=True)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise ArgumentMismatch(f"not MessagePack: {error}") from error


def raw(text: str) -> bytes:
    """The bytes of a text as a call brought it, UTF-8 or not."""
    return text.encode("utf-8", "surrogateescape")


def wire_type(declared: Any) -> WireType:
    """The form of a declared type. Raises `TypeError` for one that has none."""
    if declared in _SCALARS:
        return _SCALARS[declared]
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if origin is list:
        return _list_of(wire_type(arguments[0]))
    if origin is dict and arguments[0] is str:
        return _map_of(wire_type(arguments[1]))
    if isinstance(declared, type) and issubclass(declared, tuple) and hasattr(declared, "_fields"):
        return _structure(declared)
    if isinstance(declared, type) and isinstance(declared, WireForm):
        return _self_converting(declared)
    raise TypeError(f"{declared!r} has no form on the wire")


def _self_converting(declared: Any) -> WireType:
    def write(value: Any) -> Any:
        if not isinstance(value, declared):
            raise _mismatch(f"a {declared.__name__}", value)
        return value.to_wire()

    return WireType(declared.__name__.lower(), write, declared.from_wire, Kind.OWN, declared=declared)


def _mismatch(expected: str, value: Any) -> ArgumentMismatch:
    return ArgumentMismatch(f"{expected} is expected, but {type(value).__name__} is given")


def _integer(name: str, low: int, high: int) -> WireType:
    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise _mismatch(f"an integer from {low} to {high}", value)
        return value

    return WireType(name, check, check, Kind.INTEGER)


def _real(name: str) -> WireType:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise _mismatch("a number", value)
        return float(value)

    return WireType(name, check, check, Kind.REAL)


def _boolean() -> WireType:
    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise _mismatch("a boolean", value)
        return value

    return WireType("bool", check, check, Kind.BOOLEAN)


def _string() -> WireType:
    def write(value: Any) -> Any:
        if not isinstance(value, (str, bytes)):
            raise _mismatch("a string", value)
        return value

    def read(value: Any) -> str:
        if not isinstance(value, bytes):
            raise _mismatch("a string", value)
        return value.decode("utf-8", "surrogateescape")

    return WireType("string", write, read, Kind.STRING)


def _bytes() -> WireType:
    def check(value: Any) -> bytes:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise _mismatch("bytes", value)
        return bytes(value)

    return WireType("raw", check, check, Kind.BYTES)


def _list_of(item: WireType) -> WireType:
    def write(value: Any) -> Any:
        if isinstance(value, (str, bytes, dict)):
            raise _mismatch("a list", value)
        return [item.to_wire(v) for v in value]

    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise _mismatch("a list", value)
        return [item.from_wire(v) for v in value]

    return WireType(f"list<{item.name}>", write, read, Kind.LIST, (("item", item),))


def _map_of(item: WireType) -> WireType:
    key = _SCALARS[str]

    def write(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _mismatch("a map", value)
        return {key.to_wire(k): item.to_wire(v) for k, v in sorted(value.items())}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _mismatch("a map", value)
        return {key.from_wire(k): item.from_wire(v) for k, v in value.items()}

    return WireType(f"map<string, {item.name}>", write, read, Kind.MAP, (("value", item),))


def _structure(declared: Any) -> WireType:
    hints = typing.get_type_hints(declared)
    fields = [wire_type(hints[field]) for field in declared._fields]
    defaults = declared._field_defaults
    strict = Pair in declared.__mro__ or Pair in getattr(declared, "__orig_bases__", ())
    name = declared.__name__

    def write(value: Any) -> Any:
        if not isinstance(value, (tuple, list)) or len(value) != len(fields):
            raise _mismatch(f"{name}({', '.join(declared._fields)})", value)
        return [field.to_wire(v) for field, v in zip(fields, value, strict=True)]

    def read(value: Any) -> Any:
        if not isinstance(value, list) or (strict and len(value) != len(fields)):
            raise _mismatch(f"an array of {len(fields)}", value)
        given = [field.from_wire(v) for field, v in zip(fields, value, strict=False)]
        if len(given) < len(fields) and declared._fields[len(given)] not in defaults:
            raise _mismatch(f"an array of {len(fields)}", value)
        return declared(*given)

    parts = tuple(zip(declared._fields, fields, strict=True))
    return WireType(name, write, read, Kind.STRUCTURE, parts, declared)


_SCALARS: dict[Any, WireType] = {
    bool: _boolean(),
    int: _integer("int", -(2**31), 2**31 - 1),
    Int: _integer("int", -(2**31), 2**31 - 1),
    UInt: _integer("uint", 0, 2**32 - 1),
    Long: _integer("long", -(2**63), 2**63 - 1),
    ULong: _integer("ulong", 0, 2**64 - 1),
    float: _real("double"),
    Double: _real("double"),
    Float: _real("float"),
    str: _string(),
    bytes: _bytes(),
}
