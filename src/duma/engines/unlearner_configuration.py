"""The unlearner of a method: what a model forgets when it is full."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duma import _core
from duma.configuration import Int64, Integer, String, check, located
from duma.configuration_form import Choice, Condition, Form, Member
from duma.convert.matchers import build_matcher
from duma.errors import ConfigurationError

_MAX_SIZE = Member(
    Integer(),
    "how much is kept at most",
    example=1000,
    condition=Condition("max_size must be a positive integer", lambda size: size > 0),
)
_STICKY_PATTERN = Member(String(), "what it matches is never forgotten", optional=True, default="nothing")
_SEED = Member(
    Int64(),
    "what the draws begin with",
    optional=True,
    default="from the clock",
    condition=Condition(
        "unlearner seed must be within unsigned 32 bit integer", lambda seed: 0 <= seed < 2**32
    ),
)

# Two optional members of a method's parameters.
UNLEARNER = Choice(
    "unlearner",
    "unlearner_parameter",
    {
        "lru": Form(
            "forgets what was updated least recently",
            {"max_size": _MAX_SIZE, "sticky_pattern": _STICKY_PATTERN},
        ),
        "random": Form("forgets one of all, with equal chances", {"max_size": _MAX_SIZE, "seed": _SEED}),
    },
    optional=True,
    unknown="unsupported method (unlearner({}))",
    missing="Unlearner is set but unlearner_parameter is not found ({path})",
)


@dataclass(frozen=True, slots=True)
class LruUnlearner:
    """Forgets what was updated least recently. Ids that `sticky` matches are never forgotten, but take
    room.
    """

    max_size: int
    sticky: _core.Matcher | None = None

    def build(self) -> _core.Unlearner:
        """The core's unlearner."""
        return _core.Unlearner.lru(self.max_size, self.sticky)


@dataclass(frozen=True, slots=True)
class RandomUnlearner:
    """Forgets one of all, with equal chances. Without a `seed` the clock gives one."""

    max_size: int
    seed: int | None = None

    def build(self) -> _core.Unlearner:
        """The core's unlearner."""
        seed = time.time_ns() // 1000 % 2**32 if self.seed is None else self.seed
        return _core.Unlearner.random(self.max_size, seed)


def read_unlearner(parameter: Mapping[str, Any], path: str) -> LruUnlearner | RandomUnlearner | None:
    """The unlearner that a method's parameters (at `path`) name, or None.

    Raises `ConfigurationError`, `PlainConfigurationError` for an unknown unlearner and `ConverterError` for a
    sticky pattern that cannot be used. Parameters of an unlearner without the unlearner are ignored.
    """
    name = parameter.get("unlearner")
    if name is None:
        return None
    if "unlearner_parameter" not in parameter:
        raise ConfigurationError([UNLEARNER.missing.format(path=path)])
    kind, form = UNLEARNER.find(name)
    path += ".unlearner_parameter"
    settings = check(form.schema, parameter["unlearner_parameter"], path)
    for member, value in settings.items():
        condition = form.members[member].condition
        if condition is not None and not condition.holds(value):
            raise ConfigurationError([f"{condition.text} ({path}.{member})"])
    if kind == "random":
        return RandomUnlearner(settings["max_size"], settings.get("seed"))
    pattern = settings.get("sticky_pattern")
    with located(f"{path}.sticky_pattern"):
        return LruUnlearner(settings["max_size"], None if pattern is None else build_matcher(pattern))
