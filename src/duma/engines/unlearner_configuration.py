"""The unlearner of a method: what a model forgets when it is full."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duma import _core
from duma.configuration import (
    AnyValue,
    Int64,
    Integer,
    Object,
    Schema,
    String,
    UnsupportedMethod,
    check,
    located,
)
from duma.convert.matchers import build_matcher
from duma.errors import ConfigurationError

# Both are optional members of a method's parameters.
UNLEARNER_MEMBERS: dict[str, Schema] = {"unlearner": String(), "unlearner_parameter": AnyValue()}

_LRU = Object(mandatory={"max_size": Integer()}, optional={"sticky_pattern": String()})
_RANDOM = Object(mandatory={"max_size": Integer()}, optional={"seed": Int64()})


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

    Raises `ConfigurationError`, `UnsupportedMethod` for an unknown unlearner and `ConverterError` for a
    sticky pattern that cannot be used. Parameters of an unlearner without the unlearner are ignored.
    """
    kind = parameter.get("unlearner")
    if kind is None:
        return None
    if "unlearner_parameter" not in parameter:
        raise ConfigurationError([f"Unlearner is set but unlearner_parameter is not found ({path})"])
    path += ".unlearner_parameter"
    if kind == "lru":
        settings = check(_LRU, parameter["unlearner_parameter"], path)
        max_size = _max_size(settings, path)
        pattern = settings.get("sticky_pattern")
        with located(f"{path}.sticky_pattern"):
            return LruUnlearner(max_size, None if pattern is None else build_matcher(pattern))
    if kind == "random":
        settings = check(_RANDOM, parameter["unlearner_parameter"], path)
        max_size = _max_size(settings, path)
        seed = settings.get("seed")
        if seed is not None and not 0 <= seed < 2**32:
            raise ConfigurationError([f"unlearner seed must be within unsigned 32 bit integer ({path}.seed)"])
        return RandomUnlearner(max_size, seed)
    raise UnsupportedMethod(f"unlearner({kind})")


def _max_size(settings: Mapping[str, Any], path: str) -> int:
    max_size: int = settings["max_size"]
    if max_size <= 0:
        raise ConfigurationError([f"max_size must be a positive integer ({path}.max_size)"])
    return max_size
