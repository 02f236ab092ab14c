"""Streams of bytes that no decent client sends, made from a seed.

None of them may change a model: bytes are flipped in analyses only, and an update is cut short or has an argument that
the method does not take.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgpack


class End(Enum):
    """What the client does when it has sent everything."""

    READ = "close the sending side and read until the server closes"
    CLOSE = "close at once"
    RESET = "reset the connection"


@dataclass(frozen=True, slots=True)
class Stream:
    """What one client sends, piece by piece. `answers`: how many must come, if that is known."""

    kind: str
    pieces: list[bytes]
    end: End
    answers: int | None = None
    pause: float = 0.0  # seconds between the pieces


DATUM = [[["body", "deep sea fish"], ["user", "ichi é"]], [["x", 1.5], ["y", -2]], []]
NASTY_IDS: list[Any] = [
    *(
        "",
        ".",
        "..",
        "../../etc/passwd",
        "/tmp/x",
        "a/b",
        "a\\b",
        "a\0b",
        "x" * 101,
        "x" * 70000,
        "a b",
        "é",
        "%s%n",
    ),
    *(".hidden", "a..b", "CON", "-rf", "x" * 100, b"\xff\xfe", b"\xc0\xaf", "\n", "~", "$HOME", "*"),
]
WRONG: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**64 - 1,
    -(2**63),
    1.5,
    float("nan"),
    {},
    {"a": 1},
    {1: {2: [3]}},
]
TEXTS: list[Any] = ["", "x", b"\xff\xff", "a" * 300]
ARRAYS: list[Any] = [[], [[]], [None], [1, 2, 3], [["x"]], ["x", "y"]]
BAD_DATUMS: list[Any] = [
    *WRONG,
    "text",
    [1],
    [["k", "v"]],
    [[["k"]]],
    [[["k", "v", "w"]]],
    [[["k", 1]]],
    [[[1, "v"]]],
    [[], [["x", "1"]]],
    [[], [["x", None]]],
    [[], [], [["b", 5]]],
    [{}, {}, {}],
]
BAD_UPDATES: list[list[Any]] = [
    *([method, []] for method in ("train", "set_label", "delete_label", "load", "clear")),
    *(
        [method, [wrong]]
        for method in ("train", "set_label", "delete_label", "load", "clear")
        for wrong in WRONG
    ),
    *(["train", ["", wrong]] for wrong in [*WRONG, *TEXTS]),
    *(["train", ["", [wrong]]] for wrong in [*WRONG, *TEXTS, [], ["label"], [None, DATUM], [1, DATUM]]),
    *(["train", ["", [["label", wrong]]]] for wrong in BAD_DATUMS),
    *(["train", ["", [["label", DATUM], ["label", wrong]]]] for wrong in BAD_DATUMS),
    ["train", ["", [["label", [[["a$b", "refused"]], [["a$b", 1]]]]]]],
    *(
        [method, ["", wrong]]
        for method in ("set_label", "delete_label", "load")
        for wrong in [*WRONG, *ARRAYS]
    ),
    *(["load", ["", wrong]] for wrong in [*NASTY_IDS, "missing"]),
]
BAD_ANALYSES: list[list[Any]] = [
    *(["classify", ["", wrong]] for wrong in [*WRONG, *TEXTS]),
    *(["classify", ["", [wrong]]] for wrong in BAD_DATUMS),
    *(["save", ["", wrong]] for wrong in [*WRONG, *NASTY_IDS, *ARRAYS]),
    *(
        [method, wrong]
        for method in ("classify", "get_labels", "get_status", "train")
        for wrong in [*WRONG, *TEXTS]
    ),
]
ANALYSES: list[list[Any]] = [
    ["classify", ["", [DATUM]]],
    ["classify", ["name", [DATUM, [], [[], [["x", 2**64 - 1]]], DATUM]]],
    ["classify", ["", [[[["\udcff\udc80", "\udce3\udc81"]], [["é", float("inf")]], [["b", b"\0\1"]]]]]],
    ["get_labels", [""]],
    ["get_config", [""]],
    ["get_status", [""]],
    ["unknown", ["", 1]],
    ["do_mix", [""]],
]
HEADS = {0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4}
EXTENSIONS = (0xC1, 0xC7, 0xC8, 0xC9, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8)


def packed(value: Any, *, new: bool = False) -> bytes:
    """MessagePack in the old or the new types."""
    data: bytes = msgpack.packb(value, use_bin_type=new, unicode_errors="surrogateescape")
    return data


class Streams:
    """An endless supply; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._kinds: list[Callable[[], tuple[bytes, int | None]]] = [
            self.noise,
            self.mutated,
            self.mutated,
            self.truncated,
            self.wrong_types,
            self.wrong_types,
            self.huge_length,
            self.deep,
            self.strange_envelope,
            self.extension,
            self.notifications,
            self.many,
        ]

    def next(self) -> Stream:
        """One stream of any kind."""
        make = self._random.choice(self._kinds)
        data, answers = make()
        end = self._random.choices(list(End), [8, 1, 1])[0]
        pieces = self.cut(data) if self._random.random() < 0.3 else [data]
        return Stream(make.__name__, pieces, end, answers)

    def slow(self) -> Stream:
        """A valid call of many pauses."""
        data = packed([0, 1, *self._random.choice(ANALYSES)])
        return Stream("slow", [data[i : i + 2] for i in range(0, len(data), 2)], End.READ, 1, pause=0.02)

    def unread(self) -> Stream:
        """More calls than the connection can hold answers, none of which is read."""
        calls = [packed([0, i, "get_config", [""]]) for i in range(20000)]
        return Stream("unread", [b"".join(calls)], End.RESET)

    def update(self, number: int) -> bytes:
        """One update that is valid or nearly: `number` is its id. It teaches one datum at most."""
        choice = self._random.choice
        label = choice(["spam", "ham", "new", "\udcff", ""])
        call = choice(
            [
                ["train", ["", [[label, DATUM]]]],
                [
                    "train",
                    [
                        "",
                        [
                            [
                                label,
                                [
                                    [["body", choice(["deep", "sea ", "é"])]],
                                    [["x", self._random.random()]],
                                    [],
                                ],
                            ]
                        ],
                    ],
                ],
                ["set_label", ["", label]],
                ["delete_label", ["", label]],
            ]
        )
        data = packed([0, number, *call], new=self._random.random() < 0.3)
        return (
            self.flip(data, data.index(b"\x92") if b"\x92" in data else 0)
            if self._random.random() < 0.6
            else data
        )

    def cut(self, data: bytes) -> list[bytes]:
        """The data in a few pieces."""
        at = sorted(self._random.randrange(len(data) + 1) for _ in range(self._random.randint(1, 6)))
        return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True) if a < b]

    def flip(self, data: bytes, start: int = 0) -> bytes:
        """The data with some bytes changed, inserted or removed, from `start` on."""
        changed = bytearray(data)
        pick = self._random.randrange
        for _ in range(self._random.randint(1, 4)):
            at = pick(start, len(changed)) if start < len(changed) else len(changed)
            match pick(5):
                case 0:
                    changed[at : at + 1] = bytes([pick(256)])
                case 1:
                    changed[at : at + 1] = bytes(
                        [self._random.choice([*HEADS, *EXTENSIONS, 0x80, 0x90, 0xA0, 0xC0, 0xCB, 0xFF])]
                    )
                case 2:
                    changed[at:at] = self._random.randbytes(pick(1, 9))
                case 3:
                    del changed[at : at + pick(1, 9)]
                case 4:
                    if at < len(changed):
                        changed[at] ^= 1 << pick(8)
        return bytes(changed)

    # ---- the kinds

    def call(self, calls: list[list[Any]]) -> bytes:
        """A request with one of these methods and parameters."""
        return packed(
            [0, self._random.getrandbits(32), *self._random.choice(calls)], new=self._random.random() < 0.3
        )

    def noise(self) -> tuple[bytes, int | None]:
        return self._random.randbytes(self._random.choice([1, 4, 30, 400])), None

    def mutated(self) -> tuple[bytes, int | None]:
        good = self.call(ANALYSES)
        return self.flip(self.call([*ANALYSES, *BAD_ANALYSES])) + self._random.choice([b"", good]), None

    def truncated(self) -> tuple[bytes, int | None]:
        data = self.call(
            [*ANALYSES, ["train", ["", [["spam", DATUM]] * 5]], ["clear", [""]], ["set_label", ["", "cut"]]]
        )
        return data[: self._random.randrange(1, len(data))], 0

    def wrong_types(self) -> tuple[bytes, int | None]:
        return self.call(self._random.choice([BAD_UPDATES, BAD_ANALYSES])), 1

    def huge_length(self) -> tuple[bytes, int | None]:
        data = self.call(ANALYSES)
        head = self._random.choice(list(HEADS))
        length = self._random.choice([2**32 - 1, 2**31, 2**31 - 1, 2**28, 2**24, 65535]) & (
            256 ** HEADS[head] - 1
        )
        cut = self._random.randrange(len(data))
        tail = self._random.choice([b"", data[cut:], self._random.randbytes(20)])
        return data[:cut] + bytes([head]) + length.to_bytes(HEADS[head], "big") + tail, None

    def deep(self) -> tuple[bytes, int | None]:
        nested = self._random.choice(
            [b"\x91", b"\x81", b"\x81\xc0", b"\xdc\0\1", b"\xdd\0\0\0\1", b"\xdf\0\0\0\1\xa0"]
        )
        levels = self._random.choice([20, 31, 32, 33, 64, 1000, 100_000])
        before = self._random.choice(
            [b"", b"\x94\0\1\xa8classify", b"\x94\0\1\xa8classify\x92\xa0", b"\x93\2\xa5train"]
        )
        return before + nested * levels + self._random.choice([b"", b"\xc0"]), None

    def strange_envelope(self) -> tuple[bytes, int | None]:
        choose = self._random.choice
        strange = [*WRONG, 2**32, 2**32 - 1, "1", b"\xff", [], 3, 255]
        message: list[Any] = [0, self._random.getrandbits(32), *choose(ANALYSES)]
        for _ in range(self._random.randint(1, 2)):
            message[self._random.randrange(4)] = choose(strange)
        shape = self._random.randrange(5)
        if shape == 0:
            message = message[: self._random.randrange(4)]
        elif shape == 1:
            message += [choose(strange)] * self._random.choice([1, 20, 70000])
        return packed(message if shape != 2 else {0: message}), None

    def extension(self) -> tuple[bytes, int | None]:
        data = self.call(ANALYSES)
        at = self._random.randrange(len(data))
        return data[:at] + bytes([self._random.choice(EXTENSIONS)]) + self._random.randbytes(8) + data[
            at:
        ], None

    def notifications(self) -> tuple[bytes, int | None]:
        calls = self._random.choices([*ANALYSES, *BAD_UPDATES, *BAD_ANALYSES], k=self._random.randint(1, 20))
        return b"".join(packed([2, *call]) for call in calls), 0

    def many(self) -> tuple[bytes, int | None]:
        count = self._random.choice([2, 10, 50, 300])
        return b"".join(self.call(self._random.choice([ANALYSES, BAD_UPDATES])) for _ in range(count)), count
