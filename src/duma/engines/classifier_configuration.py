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

Each can have an `unlearner` with its `unlearner_parameter`.
"""

from dataclasses import dataclass
from typing import Any

from duma.configuration import (
    AnyValue,
    Float32,
    InvalidParameter,
    Object,
    Schema,
    String,
    UnsupportedMethod,
    check,
)
from duma.convert.schema import CONVERTER
from duma.engines.linear_methods import ALIASES, METHODS, refuse_neighbor_methods
from duma.engines.unlearner_configuration import (
    UNLEARNER_MEMBERS,
    LruUnlearner,
    RandomUnlearner,
    read_unlearner,
)
from duma.errors import ConfigurationError

_TOP = Object(mandatory={"method": String(), "converter": CONVERTER}, optional={"parameter": AnyValue()})

_METHODS = {name: name for name in METHODS} | ALIASES | {"arow": "AROW"}
_UNREGULARIZED = ("perceptron", "PA")


@dataclass(frozen=True, slots=True)
class LinearClassifierConfiguration:
    """What a linear classifier is built from."""

    method: str  # perceptron, PA, PA1, PA2, CW, AROW or NHERD
    regularization_weight: float  # a single-precision value, above 0; 0 for the methods that have none
    unlearner: LruUnlearner | RandomUnlearner | None
    converter: dict[str, Any]  # the section, checked for names and types


def read_classifier_configuration(configuration: Any) -> LinearClassifierConfiguration:
    """Check a parsed configuration. The converter's rules themselves are not looked at.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    top = check(_TOP, configuration)
    refuse_neighbor_methods(top["method"])
    method = _METHODS.get(top["method"])
    if method is None:
        raise UnsupportedMethod(f"classifier({top['method']})")
    regularized = method not in _UNREGULARIZED
    if "parameter" in top:
        mandatory: dict[str, Schema] = {"regularization_weight": Float32()} if regularized else {}
        parameter = check(Object(mandatory, UNLEARNER_MEMBERS), top["parameter"], ".parameter")
    elif regularized:
        raise ConfigurationError(["parameter block is not specified in config"])
    else:
        parameter = {}
    unlearner = read_unlearner(parameter, ".parameter")
    weight: float = parameter.get("regularization_weight", 0.0)
    if regularized and not weight > 0:  # NaN is refused, too
        raise InvalidParameter("0.0 < regularization_weight", f"it is {weight:g}")
    return LinearClassifierConfiguration(method, weight, unlearner, top["converter"])
