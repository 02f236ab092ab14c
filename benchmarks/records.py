"""The records that all contestants learn: 30 numbers each, or a text of 100 words."""

import math
import random
from dataclasses import dataclass

import msgpack

LABELS = ("neg", "pos")
VOCABULARY = 50_000


@dataclass(frozen=True)
class Record:
    """One labelled record; either `numbers` or `words` is filled."""

    label: str
    numbers: dict[str, float]
    words: list[str]

    def datum(self) -> list[list[tuple[str, str | float]]]:
        """The three lists of a datum."""
        text: list[tuple[str, str | float]] = [("body", " ".join(self.words))] if self.words else []
        return [text, list(self.numbers.items()), []]


def numbers(count: int, seed: int = 1, width: int = 30) -> list[Record]:
    """Two labels whose numbers differ in their mean by 0.3 standard deviations."""
    rng = random.Random(seed)
    return [
        Record(LABELS[label], {f"feature{j}": rng.gauss(label * 0.3, 1) for j in range(width)}, [])
        for label in (rng.randrange(2) for _ in range(count))
    ]


def texts(count: int, seed: int = 1) -> list[Record]:
    """Texts whose words are as unequally frequent as those of a language (Zipf)."""
    rng = random.Random(seed)

    def word() -> str:
        return f"w{int(math.exp(rng.uniform(0, math.log(VOCABULARY))))}"

    return [Record(rng.choice(LABELS), {}, [word() for _ in range(100)]) for _ in range(count)]


def batches(records: list[Record], size: int = 1000) -> list[list[Record]]:
    """The records in pieces of `size`."""
    return [records[i : i + size] for i in range(0, len(records), size)]


def packed_training(records: list[Record]) -> bytes:
    """The data argument of `train`."""
    return pack([(record.label, record.datum()) for record in records])


def packed_queries(records: list[Record]) -> bytes:
    """The data argument of `classify`."""
    return pack([record.datum() for record in records])


def pack(value: object) -> bytes:
    """MessagePack in the old types, as clients send it."""
    packed: bytes = msgpack.packb(value, use_bin_type=False)
    return packed


def request(msgid: int, method: str, argument: bytes) -> bytes:
    """One call with the cluster name and one argument."""
    name = method.encode()
    return b"\x94\x00\xce" + msgid.to_bytes(4) + bytes([0xA0 | len(name)]) + name + b"\x92\xa0" + argument
