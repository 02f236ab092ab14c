"""The configuration of the regression.

| method (other names)           | parameters                             |
|--------------------------------|----------------------------------------|
| `perceptron`                   | `learning_rate`                        |
| `PA` (`passive_aggressive`)    | `sensitivity`                          |
| `PA1` (`passive_aggressive_1`) | `sensitivity`, `regularization_weight` |
| `PA2` (`passive_aggressive_2`) | `sensitivity`, `regularization_weight` |
| `CW` (`confidence_weighted`)   | `sensitivity`, `regularization_weight` |
| `AROW`                         | `sensitivity`, `regularization_weight` |
| `NHERD` (`normal_herd`)        | `sensitivity`, `regularization_weight` |
| `NN` (`nearest_neighbor`)      | optional `weight`, and more            |
| `cosine`                       | optional `weight`, and more            |
| `euclidean`                    | optional `weight`, and more            |

What more the last three take is in `duma.engines.neighbor_configuration`.
"""

from dataclasses import dataclass
from typing import Any

from duma.configuration import Float32, PlainConfigurationError, String, check
from duma.configuration_form import Choice, Condition, Form, Member
from duma.convert.schema import CONVERTER_MEMBER
from duma.engines.linear_methods import REGULARIZATION_WEIGHT, linear_methods
from duma.engines.neighbor_configuration import (
    NEIGHBOR_METHODS,
    NeighborConfiguration,
    neighbor_methods,
    read_neighbor_configuration,
)

_LEARNING_RATE = Member(
    Float32(),
    "the part of an error that one step makes up for",
    example=0.1,
    condition=Condition("0.0 < learning_rate", lambda rate: rate > 0),  # NaN is refused, too
)
_SENSITIVITY = Member(
    Float32(),
    "how far an estimate may be off without anything being learned",
    example=0.1,
    condition=Condition("0.0 <= sensitivity", lambda sensitivity: sensitivity >= 0),
)


def _members(method: str) -> dict[str, Member]:
    if method == "perceptron":
        return {"learning_rate": _LEARNING_RATE}
    if method == "PA":
        return {"sensitivity": _SENSITIVITY}
    return {"sensitivity": _SENSITIVITY, "regularization_weight": REGULARIZATION_WEIGHT}


_WEIGHT = Member(
    String(),
    "what a neighbour counts: uniform all the same, distance the nearer the more",
    optional=True,
    default="uniform",
    condition=Condition(
        "weight option must be distance or uniform", lambda weight: weight in ("distance", "uniform")
    ),
)


def _count_condition(method: str) -> Condition:
    name = "nearest_neighbor_num should" if method == "NN" else "nearest neighbor num"
    return Condition(f"{name} >= 1", lambda count: count >= 1)


_METHODS = Choice(
    "method",
    "parameter",
    linear_methods(_members) | neighbor_methods(_count_condition, {"weight": _WEIGHT}),
    missing="Object is expected, but Null is given. ()",  # Jubatus names no place
)

REGRESSION_FORM = Form("learns numbers", {"converter": CONVERTER_MEMBER}, (_METHODS,))


@dataclass(frozen=True, slots=True)
class LinearRegressionConfiguration:
    """What a linear regression is built from. Numbers are single-precision values, 0 where a method has none."""

    method: str  # perceptron, PA, PA1, PA2, CW, AROW or NHERD
    regularization_weight: float  # above 0
    sensitivity: float  # at least 0
    learning_rate: float  # above 0
    converter: dict[str, Any]  # the section, checked for names and types
    unlearner: None = None  # linear regressions have none


@dataclass(frozen=True, slots=True)
class NeighborRegressionConfiguration:
    """What a regression by the nearest records is built from."""

    neighbors: NeighborConfiguration
    weight: str  # what a neighbour counts: uniform, or distance


def read_regression_configuration(
    configuration: Any,
) -> LinearRegressionConfiguration | NeighborRegressionConfiguration:
    """Check a parsed configuration. The converter's rules themselves are not looked at.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    top = check(REGRESSION_FORM.schema, configuration)
    method, form = _METHODS.find(top["method"])
    if method in NEIGHBOR_METHODS:
        order = ("nearest_neighbor_num", "weight")
        neighbors, parameter = read_neighbor_configuration(method, form, top, order)
        return NeighborRegressionConfiguration(neighbors, parameter.get("weight", "uniform"))
    if "parameter" not in top:
        raise PlainConfigurationError(_METHODS.missing)
    parameter = check(form.schema, top["parameter"], ".parameter")
    form.require(parameter, ".parameter", sorted(parameter))  # which is the order of Jubatus' checks, too
    weight, sensitivity, rate = (
        parameter.get(name, 0.0) for name in ("regularization_weight", "sensitivity", "learning_rate")
    )
    return LinearRegressionConfiguration(method, weight, sensitivity, rate, top["converter"])
