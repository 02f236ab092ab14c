"""Reading and writing the MessagePack of user data, as the engines do it."""

from duma.engines.packed import PackedReader, broken, fields, integer, name, number, numbers, packer, unpacked

__all__ = [
    "PackedReader",
    "broken",
    "fields",
    "integer",
    "name",
    "number",
    "numbers",
    "packer",
    "unpacked",
]
