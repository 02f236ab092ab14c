"""The configuration of the bandit.

| method               | parameters                     |
|----------------------|--------------------------------|
| `epsilon_greedy`     | `epsilon`, `seed`              |
| `epsilon_decreasing` | `decreasing_rate`, `seed`      |
| `softmax`            | `tau`, `seed`                  |
| `exp3`               | `gamma`, `seed`                |
| `ts`                 | `seed`                         |
| `ucb1`               |                                |

Each also has `assume_unrewarded`. A `seed` is optional, all else is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from duma.configuration import (
    AnyValue,
    Boolean,
    Float64,
    Int64,
    InvalidParameter,
    Object,
    Schema,
    String,
    UnsupportedMethod,
    check,
    located,
)
from duma.errors import ConfigurationError

_TOP = Object(mandatory={"method": String()}, optional={"parameter": AnyValue()})


@dataclass(frozen=True, slots=True)
class _Number:
    """The number that a method has: its name, what is allowed, and how Jubatus says so."""

    name: str
    allowed: Callable[[float], bool]
    expected: str


_NUMBERS = {
    "epsilon_greedy": _Number("epsilon", lambda x: 0 <= x <= 1, "0 <= epsilon <= 1"),
    "epsilon_decreasing": _Number("decreasing_rate", lambda x: 0 < x < 1, "0 < d < 1"),
    "softmax": _Number("tau", lambda x: x > 0, "0 < tau"),
    "exp3": _Number("gamma", lambda x: 0 < x <= 1, "0 < gamma <= 1"),
}
_WITHOUT_DRAWS = "ucb1"
_METHODS = {*_NUMBERS, "ts", _WITHOUT_DRAWS}


@dataclass(frozen=True, slots=True)
class BanditConfiguration:
    """What a bandit is built from. `number` is the method's own one, 0 where it has none; without a `seed` the clock
    gives one."""

    method: str
    number: float
    assume_unrewarded: bool
    seed: int | None  # of 32 bits


def read_bandit_configuration(configuration: Any) -> BanditConfiguration:
    """Check a parsed configuration. Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus."""
    top = check(_TOP, configuration)
    method = top["method"]
    if method not in _METHODS:
        raise UnsupportedMethod(f"bandit({method})")
    if "parameter" not in top:
        raise ConfigurationError(["parameter block is not specified in config"])
    own = _NUMBERS.get(method)
    mandatory: dict[str, Schema] = {"assume_unrewarded": Boolean()}
    if own is not None:
        mandatory[own.name] = Float64()
    optional: dict[str, Schema] = {} if method == _WITHOUT_DRAWS else {"seed": Int64()}
    parameter = check(Object(mandatory, optional), top["parameter"], ".parameter")
    number = parameter[own.name] if own is not None else 0.0
    if own is not None and not own.allowed(number):
        with located(f".parameter.{own.name}"):
            raise InvalidParameter(own.expected, f"it is {number:g}")
    seed = parameter.get("seed")
    if seed is not None and not 0 <= seed < 2**32:
        raise ConfigurationError(
            [f"seed must be within unsigned 32 bit integer: it is {seed} (.parameter.seed)"]
        )
    return BanditConfiguration(method, number, parameter["assume_unrewarded"], seed)
