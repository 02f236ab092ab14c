"""The configuration of the methods of classifier and regression that answer by the nearest records.

| method (other names)      | parameters                                                                     |
|---------------------------|--------------------------------------------------------------------------------|
| `NN` (`nearest_neighbor`) | `method` and `parameter` of the signatures; `nearest_neighbor_num`; unlearner  |
| `cosine`                  | `nearest_neighbor_num`                                                         |
| `euclidean`               | `nearest_neighbor_num`                                                         |

Each engine has parameters of its own beside these.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from duma import _core
from duma.configuration import Integer, check
from duma.configuration_form import Condition, Form, Member
from duma.engines.signature_configuration import (
    SIGNATURE_METHODS,
    SignatureConfiguration,
    read_signature_configuration,
)
from duma.engines.unlearner_configuration import UNLEARNER, LruUnlearner, RandomUnlearner, read_unlearner
from duma.errors import ConfigurationError

NEIGHBOR_METHODS = ("NN", "cosine", "euclidean")

_PATH = ".parameter"
_MISSING = "parameter block is not specified in config"
_SIGNATURES = replace(SIGNATURE_METHODS, parameters_needed=True, missing="")
_COUNT = Member(Integer(), "how many of the nearest records decide", example=16)


@dataclass(frozen=True, slots=True)
class NeighborConfiguration:
    """What the two engines have in common."""

    method: str  # NN, cosine or euclidean
    signature: SignatureConfiguration | None  # of NN
    neighbors: int  # the neighbours that decide; below 0: all
    unlearner: LruUnlearner | RandomUnlearner | None  # of record ids, only with NN
    converter: dict[str, Any]  # the section, checked for names and types

    def records(self) -> _core.Records:
        """The core's records, empty."""
        if self.signature is not None:
            return _core.Records.by_signature(self.signature.build())
        return _core.Records.by_cosine() if self.method == "cosine" else _core.Records.by_euclid()

    @property
    def count(self) -> int:
        """The neighbours that decide, as an unsigned number."""
        return self.neighbors if self.neighbors >= 0 else 2**64 - 1


def neighbor_methods(
    count_condition: Callable[[str], Condition | None], members: Mapping[str, Member]
) -> dict[str, Form]:
    """The form of each method's parameters: `members` are the engine's own, and `count_condition` is what it asks of
    `nearest_neighbor_num`, by method."""
    meanings = {
        "NN": "the nearest records decide; found by signatures",
        "cosine": "the nearest records by angle decide; exact",
        "euclidean": "the nearest records by Euclid's distance decide; exact",
    }
    return {
        method: Form(
            meaning,
            {"nearest_neighbor_num": replace(_COUNT, condition=count_condition(method)), **members},
            (_SIGNATURES, UNLEARNER) if method == "NN" else (),
            ("nearest_neighbor",) if method == "NN" else (),
            missing=_MISSING,
        )
        for method, meaning in meanings.items()
    }


def read_neighbor_configuration(
    method: str, form: Form, top: Mapping[str, Any], order: tuple[str, ...]
) -> tuple[NeighborConfiguration, dict[str, Any]]:
    """The configuration of a method, and all its parameters; their conditions are checked in this order.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    if "parameter" not in top:
        raise ConfigurationError([_MISSING])
    parameter: dict[str, Any] = check(form.schema, top["parameter"], _PATH)
    signature, unlearner = None, None
    if method == "NN":
        unlearner = read_unlearner(parameter, _PATH)
        signature = read_signature_configuration(
            parameter["method"], parameter["parameter"], f"{_PATH}.parameter"
        )
    form.require(parameter, _PATH, order)
    count = parameter["nearest_neighbor_num"]
    return NeighborConfiguration(method, signature, count, unlearner, top["converter"]), parameter


def seed_of_ids() -> int:
    """Where the ids of records begin: another place for each server, whose records may meet in a cluster."""
    return int.from_bytes(os.urandom(8))
