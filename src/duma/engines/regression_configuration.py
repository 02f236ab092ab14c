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

_TOP = Object(mandatory={"method": String(), "converter": CONVERTER}, optional={"parameter": AnyValue()})

_METHODS = {name: name for name in METHODS} | ALIASES


@dataclass(frozen=True, slots=True)
class LinearRegressionConfiguration:
    """What a linear regression is built from. Numbers are single-precision values, 0 where a method has none."""

    method: str  # perceptron, PA, PA1, PA2, CW, AROW or NHERD
    regularization_weight: float  # above 0
    sensitivity: float  # at least 0
    learning_rate: float  # above 0
    converter: dict[str, Any]  # the section, checked for names and types
    unlearner: None = None  # linear regressions have none


def read_regression_configuration(configuration: Any) -> LinearRegressionConfiguration:
    """Check a parsed configuration. The converter's rules themselves are not looked at.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    top = check(_TOP, configuration)
    refuse_neighbor_methods(top["method"])
    method = _METHODS.get(top["method"])
    if method is None:
        raise UnsupportedMethod(top["method"])
    mandatory: dict[str, Schema] = {name: Float32() for name in _parameters(method)}
    given = top.get("parameter")  # where there is none, Jubatus names no place
    parameter = check(Object(mandatory), given, "" if given is None else ".parameter")
    weight, sensitivity, rate = (
        parameter.get(name, 0.0) for name in ("regularization_weight", "sensitivity", "learning_rate")
    )
    if "learning_rate" in parameter and not rate > 0:  # NaN is refused, too
        raise InvalidParameter("0.0 < learning_rate", f"it is {rate:g}")
    if "regularization_weight" in parameter and not weight > 0:
        raise InvalidParameter("0.0 < regularization_weight", f"it is {weight:g}")
    if "sensitivity" in parameter and not sensitivity >= 0:
        raise InvalidParameter("0.0 <= sensitivity", f"it is {sensitivity:g}")
    return LinearRegressionConfiguration(method, weight, sensitivity, rate, top["converter"])


def _parameters(method: str) -> tuple[str, ...]:
    if method == "perceptron":
        return ("learning_rate",)
    return ("sensitivity",) if method == "PA" else ("sensitivity", "regularization_weight")
