"""The configuration of the classifier.

| method (other names)           | parameters                          |
|--------------------------------|-------------------------------------|
| `perceptron`                   | none needed                         |
| `PA` (`passive_aggressive`)    | none needed                         |
| `PA1` (`passive_aggressive_1`) | `regularization_weight`             |
| `PA2` (`passive_aggressive_2`) | `regularization_weight`             |
| `CW` (`confidence_weighted`)   | `regularization_weight`             |
| `AROW` (`arow`)                | `regularization_weight`             |
| `NHERD` (`normal_herd`)        | `regularization_weight`             |
| `NN` (`nearest_neighbor`)      | `local_sensitivity`, and more       |
| `cosine`                       | `local_sensitivity`, and more       |
| `euclidean`                    | `local_sensitivity`, and more       |

Each but the last two can have an `unlearner` with its `unlearner_parameter`. What more the last three take is in
`duma.engines.neighbor_configuration`.
"""

from dataclasses import dataclass
from typing import Any

from duma.configuration import Float32, check
from duma.configuration_form import Choice, Condition, Form, Member
from duma.convert.schema import CONVERTER_MEMBER
from duma.engines.linear_methods import REGULARIZATION_WEIGHT, linear_methods
from duma.engines.neighbor_configuration import (
    NEIGHBOR_METHODS,
    NeighborConfiguration,
    neighbor_methods,
    read_neighbor_configuration,
)
from duma.engines.unlearner_configuration import UNLEARNER, LruUnlearner, RandomUnlearner, read_unlearner
from duma.errors import ConfigurationError


def _members(method: str) -> dict[str, Member]:
    return {} if method in ("perceptron", "PA") else {"regularization_weight": REGULARIZATION_WEIGHT}


_LOCAL_SENSITIVITY = Member(
    Float32(),
    "larger: farther records count less; 0: all count the same",
    example=1.0,
    condition=Condition("local_sensitivity should >= 0", lambda sensitivity: not sensitivity < 0),
)


def _count_condition(method: str) -> Condition | None:
    # Below 0 it means all, and NN takes 0 for none.
    return None if method == "NN" else Condition("nearest neighbor num >= 1", lambda count: count != 0)


_METHODS = Choice(
    "method",
    "parameter",
    linear_methods(_members, (UNLEARNER,), {"AROW": ("arow",)})
    | neighbor_methods(_count_condition, {"local_sensitivity": _LOCAL_SENSITIVITY}),
    unknown="unsupported method (classifier({}))",
    missing="parameter block is not specified in config",
)

CLASSIFIER_FORM = Form("learns labels", {"converter": CONVERTER_MEMBER}, (_METHODS,))


@dataclass(frozen=True, slots=True)
class LinearClassifierConfiguration:
    """What a linear classifier is built from."""

    method: str  # perceptron, PA, PA1, PA2, CW, AROW or NHERD
    regularization_weight: float  # a single-precision value, above 0; 0 for the methods that have none
    unlearner: LruUnlearner | RandomUnlearner | None
    converter: dict[str, Any]  # the section, checked for names and types


@dataclass(frozen=True, slots=True)
class NeighborClassifierConfiguration:
    """What a classifier by the nearest records is built from."""

    neighbors: NeighborConfiguration
    local_sensitivity: float  # a single-precision value, at least 0


def read_classifier_configuration(
    configuration: Any,
) -> LinearClassifierConfiguration | NeighborClassifierConfiguration:
    """Check a parsed configuration. The converter's rules themselves are not looked at.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    top = check(CLASSIFIER_FORM.schema, configuration)
    method, form = _METHODS.find(top["method"])
    if method in NEIGHBOR_METHODS:
        order = ("local_sensitivity", "nearest_neighbor_num")
        neighbors, parameter = read_neighbor_configuration(method, form, top, order)
        return NeighborClassifierConfiguration(neighbors, parameter["local_sensitivity"])
    regularized = "regularization_weight" in form.members
    if "parameter" in top:
        parameter = check(form.schema, top["parameter"], ".parameter")
    elif regularized:
        raise ConfigurationError([_METHODS.missing])
    else:
        parameter = {}
    unlearner = read_unlearner(parameter, ".parameter")
    weight: float = parameter.get("regularization_weight", 0.0)
    form.require(parameter, ".parameter")
    return LinearClassifierConfiguration(method, weight, unlearner, top["converter"])
