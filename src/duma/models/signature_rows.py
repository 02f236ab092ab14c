"""The signatures of rows in user data: [those before the last MIX, those since], each {row: [bits, words]}.

A signature of 0 bits since the last MIX says that the row is removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from duma.models.packed import fields, integer, name, packer, unpacked
from duma.models.row_parts import RowPart, hidden_by, read_rows


class Signature(NamedTuple):
    """So many bits, in words of 64, each with its first byte first."""

    bits: int
    words: bytes


@dataclass(frozen=True)
class SignatureRows(RowPart):
    """See `RowPart`."""

    what = "a table of signatures"

    rows: dict[bytes, Signature]

    @classmethod
    def read(cls, raw: memoryview) -> Self:
        master, diff = (
            read_rows(part, cls.what, _signature) for part in fields(unpacked(raw, cls.what), 2, cls.what)
        )
        return cls(hidden_by(master, diff), raw, bool(master))

    def packed(self) -> Iterator[bytes]:
        out = packer()
        yield out.pack_array_header(2) + out.pack({}) + out.pack_map_header(len(self.rows))
        for row, signature in self.rows.items():
            yield out.pack(row) + out.pack(signature)

    def facts(self) -> dict[str, Any]:
        bits = max((signature.bits for signature in self.rows.values()), default=None)
        return super().facts() | ({} if bits is None else {"bits": bits})

    def shown(self, row: bytes) -> Any:
        return self.rows[row].words.hex()


def read_signature(value: Any, row: bytes) -> Signature:
    """From unpacked user data. Raises `ModelFileError`."""
    bits, words = fields(value, 2, f"the signature of {row!r:.100}")
    return Signature(integer(bits, "a signature's bits"), name(words, "a signature's words"))


def _signature(value: Any, row: bytes) -> Signature | None:
    signature = read_signature(value, row)
    return signature if signature.bits else None
