"""A small engine for the tests of the protocol: it keeps a list of what it was given."""

import threading
from typing import Any, NamedTuple

from duma.engines.declaration import BROADCAST, RANDOM, Aggregator, Declared, Packed, analysis, update
from duma.errors import DumaError
from duma.rpc.server import BoundMethod


class Item(NamedTuple):
    """Something to count."""

    name: str
    weight: float = 1.0


class Counting(Declared):
    """Counts items. `gate` keeps `wait_here` and `learn_slowly` from returning until it is set."""

    def __init__(self) -> None:
        self.learned: list[Any] = []
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)

    @update(route=RANDOM)
    def learn(self, items: list[Item]) -> int:
        """Keep the items; returns how many."""
        self.learned.extend(items)
        return len(items)

    @update(route=RANDOM)
    def learn_slowly(self, name: str) -> int:
        """Keep one item when the gate opens; returns how many there are."""
        self.entered.release()
        assert self.gate.wait(10)
        self.learned.append(name)
        return len(self.learned)

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def clear(self) -> bool:
        """Forget all items; returns true."""
        self.learned.clear()
        return True

    @analysis(route=RANDOM)
    def size(self) -> int:
        """How many items there are."""
        return len(self.learned)

    @analysis(route=RANDOM)
    def echo(self, value: Packed[bytes]) -> Packed[bytes]:
        """The value, as it came."""
        return bytes(value)

    @analysis(route=RANDOM)
    def wait_here(self, filling: str) -> bool:  # noqa: ARG002 - a large argument brings the call into a thread
        """Returns true when the gate opens."""
        self.entered.release()
        return self.gate.wait(10)

    @analysis(route=RANDOM, slow=lambda counting: len(counting.learned) > 0)
    def wait_if_any(self) -> int:
        """How many items there are; if any, when the gate opens."""
        if self.learned:
            self.entered.release()
            assert self.gate.wait(10)
        return len(self.learned)

    @analysis(route=RANDOM)
    def fail(self, how: str) -> bool:
        """Raises what `how` says."""
        raise {
            "refuse": DumaError("sum: key x not found"),
            "break": RuntimeError("unexpected"),
            "silent": RuntimeError(),
            "memory": MemoryError(),
            "surrogate": DumaError("half a pair: \ud800"),
            "exit": SystemExit(3),
        }[how]

    @update(route=RANDOM)
    def learn_badly(self) -> bool:
        """An update that fails."""
        raise DumaError("cannot learn this")

    @analysis(route=RANDOM)
    def ready(self) -> bool:
        """True; takes no cluster name."""
        return True


def bound(model: Counting) -> dict[str, BoundMethod]:
    """All methods of a model, as a server takes them."""
    return {
        name: BoundMethod(method, model, blocking=name == "learn_slowly", named=name != "ready")
        for name, method in model.methods.items()
    }
