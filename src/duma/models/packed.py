"""Reading and writing the MessagePack of user data, as the engines do it."""

from duma.engines.packed import PackedReader, broken, integer, name, numbers, packer, unpacked

__all__ = ["PackedReader", "broken", "integer", "name", "numbers", "packer", "unpacked"]
