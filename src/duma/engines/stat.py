"""The stat engine: sums, deviations and moments of the numbers pushed last."""

import math
from collections.abc import Callable
from typing import Any

from duma.configuration import Integer, check
from duma.configuration_form import Condition, Form, Member
from duma.engines.declaration import CHT1, Aggregator, analysis, update
from duma.engines.engine import Engine, Snapshot
from duma.engines.stat_model import KeyStats, StatModel, read_stat_model
from duma.engines.wire_types import Int
from duma.errors import DumaError

_FORM = Form(
    "keeps sums of the last numbers",
    {
        "window_size": Member(
            Integer(),
            "how many numbers the window holds; negative: no limit",
            example=128,
            condition=Condition("1 <= window_size", lambda size: size != 0),
        )
    },
)
_NANOSECONDS = 10**9
_SLOW_VALUES = 10_000  # a moment of as many takes about a millisecond


class UnknownKey(DumaError):
    """A question about a key of which the window has no values."""


def read_stat_configuration(configuration: Any) -> int:
    """The window's size, at least 1; what is negative counts as unsigned 64 bits, so without a limit.

    Raises `ConfigurationError`.
    """
    top = check(_FORM.schema, configuration)
    _FORM.require(top, "")
    size: int = top["window_size"]
    return size % 2**64


class Stat(Engine):
    """Statistics of the last `window_size` numbers, which all keys share.

    Sums are kept while numbers come and go, and not added anew: what was rounded away stays away.
    """

    type = "stat"
    configuration_form = _FORM

    def build(self, configuration: Any) -> None:
        self._model = StatModel(read_stat_configuration(configuration))

    @update(route=CHT1, aggregator=Aggregator.ALL_AND)
    def push(self, key: str, value: float) -> bool:
        """Add a number; the oldest one leaves when the window is full. Returns true."""
        self._model.push(key, value, self.clock() // _NANOSECONDS)
        return True

    @analysis(route=CHT1)
    def sum(self, key: str) -> float:
        """The sum of a key's numbers."""
        return self._of("sum", key).sum

    @analysis(route=CHT1)
    def stddev(self, key: str) -> float:
        """The standard deviation of a key's numbers, of all and not of a sample.

        NaN where rounding makes the variance negative.
        """
        of = self._of("stddev", key)
        variance = of.moment2(of.moment1(0.0))
        return math.sqrt(variance) if variance >= 0 else math.nan

    @analysis(route=CHT1)
    def max(self, key: str) -> float:
        """A key's largest number."""
        return self._of("max", key).max

    @analysis(route=CHT1)
    def min(self, key: str) -> float:
        """A key's least number."""
        return self._of("min", key).min

    @analysis(route=CHT1)
    def entropy(self, key: str) -> float:  # noqa: ARG002 - the protocol has it, to find a server
        """The entropy, in nats, of how the numbers are spread over the keys; whatever `key` is."""
        return self._model.entropy()

    @analysis(route=CHT1, slow=lambda engine: engine.largest_count > _SLOW_VALUES)
    def moment(self, key: str, degree: Int, center: float) -> float:
        """The mean of (number - center)**degree over a key's numbers; -1 for a degree below 0."""
        if degree < 0:
            return -1.0
        of = self._of("moment", key)
        match degree:
            case 0:
                return 1.0
            case 1:
                return of.moment1(center)
            case 2:
                return of.moment2(center)
        return _mean_power(self._model.values(key), degree, center, of.n)

    def _of(self, method: str, key: str) -> KeyStats:
        found = self._model.of(key)
        if found is None:
            raise UnknownKey(f"{method}: key {key} not found")
        return found

    @property
    def largest_count(self) -> int:
        """At least as many values as any key has."""
        return len(self._model)

    def forget(self) -> None:
        self._model = StatModel(self._model.window_size)

    def status(self) -> dict[str, str]:
        return {"storage": "stat"}

    def snapshot(self) -> Snapshot:
        return self._model.snapshot()

    def read_model(self, user_data: memoryview, progress: Callable[[int], None] | None = None) -> StatModel:
        return read_stat_model(user_data, progress)

    def adopt(self, model: StatModel) -> None:
        self._model = model


def _mean_power(values: list[float], degree: int, center: float, count: int) -> float:
    total = 0.0
    for value in values:
        total += _power(value - center, degree)
    return total / count


def _power(base: float, degree: int) -> float:
    try:
        return math.pow(base, degree)
    except OverflowError:  # C's pow gives what Python's refuses
        return -math.inf if base < 0 and degree % 2 else math.inf
