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

from duma.configuration import Boolean, Float64, Int64, Problem, check
from duma.configuration_form import Choice, Condition, Form, Member
from duma.errors import ConfigurationError

_ASSUME_UNREWARDED = Member(
    Boolean(), "whether a selection is a trial before its reward comes", example=False
)
_SEED = Member(
    Int64(), "where the draws begin, from 0 to 4294967295", optional=True, default="the clock decides"
)
_MOST_SEED = 2**32 - 1


def _way(meaning: str, number: dict[str, Member]) -> Form:
    return Form(meaning, {**number, "assume_unrewarded": _ASSUME_UNREWARDED, "seed": _SEED})


def _number(
    name: str, meaning: str, example: float, expected: str, holds: Callable[[float], bool]
) -> dict[str, Member]:
    return {name: Member(Float64(), meaning, example=example, condition=Condition(expected, holds))}


_METHODS = Choice(
    "method",
    "parameter",
    {
        "ucb1": Form(
            "the arm that may be best, by an upper bound", {"assume_unrewarded": _ASSUME_UNREWARDED}
        ),
        "epsilon_greedy": _way(
            "the best arm so far, or sometimes any",
            _number("epsilon", "how often any", 0.1, "0 <= epsilon <= 1", lambda x: 0 <= x <= 1),
        ),
        "epsilon_decreasing": _way(
            "the same, less and less often any",
            _number("decreasing_rate", "the larger, the seldomer any", 0.5, "0 < d < 1", lambda x: 0 < x < 1),
        ),
        "softmax": _way(
            "by lot, the better the likelier",
            _number("tau", "the smaller, the more the best arm", 0.05, "0 < tau", lambda x: x > 0),
        ),
        "exp3": _way(
            "by lot, for rewards that may come from an adversary",
            _number("gamma", "how much of it is any arm", 0.1, "0 < gamma <= 1", lambda x: 0 < x <= 1),
        ),
        "ts": _way("the arm that is best in a draw of what may be; for rewards of 0 and 1", {}),
    },
    unknown="unsupported method (bandit({}))",
    missing="parameter block is not specified in config",
)

BANDIT_FORM = Form("selects arms", choices=(_METHODS,))


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
    top = check(BANDIT_FORM.schema, configuration)
    method, form = _METHODS.find(top["method"])
    if "parameter" not in top:
        raise ConfigurationError([Problem(_METHODS.missing, ".parameter", 'add "parameter"')])
    parameter = check(form.schema, top["parameter"], ".parameter")
    form.require(parameter, ".parameter")
    seed = parameter.get("seed")
    if seed is not None and not 0 <= seed <= _MOST_SEED:
        path = ".parameter.seed"
        said = f"seed must be within unsigned 32 bit integer: it is {seed} ({path})"
        raise ConfigurationError([Problem(said, path, f"choose one up to {_MOST_SEED}")])
    number = next((value for value in parameter.values() if type(value) is float), 0.0)
    return BanditConfiguration(method, number, parameter["assume_unrewarded"], seed)
