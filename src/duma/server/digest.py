"""A digest of a model's state, the same for the same state however its maps happen to be ordered.

It is SHA-256 of the engine's type, its configuration's text, its hidden state and its user data. In the user data
the entries of a map count in any order: their digests are added up (modulo 2**256), so that a map with millions of
entries need neither be sorted nor be in memory as Python objects. It compares copies; it is no protection against
somebody who makes up a model on purpose.
"""

import contextlib
import hashlib
import mmap
import tempfile
from collections.abc import Iterator
from typing import Any

import msgpack

from duma.engines.engine import Engine, Snapshot

_MODULUS = 1 << 256
_DEEPEST = 64


def state_digest(engine: Engine, *, hidden: bool = True) -> str:
    """The digest, 64 hex digits; with the hidden state or without. No update may run at the same time."""
    whole = hashlib.sha256(b"duma state 1")
    state = engine.hidden_state() if hidden else b""
    for part in (engine.type.encode(), engine.config_text.encode("utf-8", "surrogateescape"), state):
        whole.update(hashlib.sha256(part).digest())
    with _in_memory(engine.snapshot()) as data:
        whole.update(_UserData(data).digest())
    return whole.hexdigest()


@contextlib.contextmanager
def _in_memory(snapshot: Snapshot) -> Iterator[memoryview]:
    """The user data behind a mapping of a file, which costs no memory of the process."""
    with tempfile.TemporaryFile() as file:
        for chunk in snapshot.chunks():
            file.write(chunk)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapping, memoryview(mapping) as data:
            yield data


class _UserData:
    """Goes through MessagePack, of which one entry of a map is in memory at a time."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._read = 0
        self._unpacker = msgpack.Unpacker(
            self, raw=True, strict_map_key=False, use_list=False, max_buffer_size=len(data) + (1 << 20)
        )

    def read(self, size: int) -> bytes:
        """What the unpacker calls."""
        start, self._read = self._read, min(len(self._data), self._read + size)
        return bytes(self._data[start : self._read])

    def digest(self, depth: int = 0) -> bytes:
        """The digest of the value that begins here."""
        first = self._data[self._unpacker.tell()]
        if first & 0xF0 == 0x80 or first in (0xDE, 0xDF):
            return self._map()
        if (first & 0xF0 == 0x90 or first in (0xDC, 0xDD)) and depth < _DEEPEST:
            array = hashlib.sha256(b"array")
            for _ in range(self._unpacker.read_array_header()):
                array.update(self.digest(depth + 1))
            return array.digest()
        return hashlib.sha256(b"value" + _packed(self._unpacker.unpack())).digest()

    def _map(self) -> bytes:
        entries = self._unpacker.read_map_header()
        total = 0
        for _ in range(entries):
            entry = _packed((self._unpacker.unpack(), self._unpacker.unpack()))
            total += int.from_bytes(hashlib.sha256(entry).digest(), "big")
        return hashlib.sha256(
            b"map" + entries.to_bytes(8, "big") + (total % _MODULUS).to_bytes(32, "big")
        ).digest()


def _packed(value: Any) -> bytes:
    packed: bytes = msgpack.packb(_ordered(value), use_bin_type=True)
    return packed


def _ordered(value: Any) -> Any:
    """The same value with maps as sorted entries, in a form that nothing else has."""
    if isinstance(value, dict):
        entries = sorted((msgpack.packb(_ordered(key)), _ordered(item)) for key, item in value.items())
        return msgpack.ExtType(77, msgpack.packb(entries))
    if isinstance(value, tuple):
        return [_ordered(item) for item in value]
    return value
