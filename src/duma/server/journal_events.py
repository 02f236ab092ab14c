"""The events in a server's journal, by name, and what they carry in MessagePack.

    hidden_state   an engine's `hidden_state()` as it is; belongs to the snapshot right before it
    load           {"file": name in the snapshots' folder, "id": model id, "path": where it was loaded from}
    client         [connection, "address:port"]: who is behind the number of a connection
    from           connection: who sent what follows

`client` and `from` are bookkeeping: they tell a person who sent what, and replay passes them over.
"""

from dataclasses import dataclass
from typing import Any

from duma.engines.wire_types import unpack
from duma.errors import ArgumentMismatch, JournalError
from duma.store.journal import Record

HIDDEN_STATE = b"hidden_state"
LOAD = b"load"
CLIENT = b"client"
FROM = b"from"

BOOKKEEPING = frozenset((CLIENT, FROM))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that was loaded: the file in the snapshots' folder that has it, and what was asked for."""

    file: str
    model_id: str
    path: str


def read_load(record: Record) -> Loaded:
    """What a `load` event says. Raises `JournalError`."""
    value = _value(record)
    if not isinstance(value, dict):
        raise _broken(record, "a map")
    texts = [value.get(key) for key in (b"file", b"id", b"path")]
    if not all(isinstance(text, bytes) for text in texts):
        raise _broken(record, "a map with file, id and path")
    file, model_id, path = (text.decode("utf-8", "surrogateescape") for text in texts if text is not None)
    if not file or "/" in file or "\0" in file or file in (".", ".."):
        raise _broken(record, "a file in the snapshots' folder")
    return Loaded(file, model_id, path)


def read_client(record: Record) -> tuple[int, str]:
    """Number and address of the connection that a `client` event introduces. Raises `JournalError`."""
    match _value(record):
        case [int(number), bytes(address)]:
            return number, address.decode("utf-8", "backslashreplace")
    raise _broken(record, "[connection, address]")


def read_from(record: Record) -> int:
    """The connection that a `from` event names. Raises `JournalError`."""
    value = _value(record)
    if not isinstance(value, int):
        raise _broken(record, "the number of a connection")
    return value


def _value(record: Record) -> Any:
    try:
        return unpack(record.payload)
    except ArgumentMismatch as error:
        raise JournalError(f"{_place(record)} cannot be read: {error}") from error


def _broken(record: Record, expected: str) -> JournalError:
    return JournalError(f"{_place(record)} cannot be read: {record.payload[:80]!r}, expected {expected}")


def _place(record: Record) -> str:
    return f"record {record.sequence} of the journal ({record.name.decode('utf-8', 'replace')})"
