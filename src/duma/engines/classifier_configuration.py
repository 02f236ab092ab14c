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

from duma.configuration import check
from duma.configuration_form import Choice, Form, Member
from duma.convert.schema import CONVERTER_MEMBER
from duma.engines.linear_methods import REGULARIZATION_WEIGHT, linear_methods, refuse_neighbor_methods
from duma.engines.unlearner_configuration import UNLEARNER, LruUnlearner, RandomUnlearner, read_unlearner
from duma.errors import ConfigurationError


def _members(method: str) -> dict[str, Member]:
    return {} if method in ("perceptron", "PA") else {"regularization_weight": REGULARIZATION_WEIGHT}


_METHODS = Choice(
    "method",
    "parameter",
    linear_methods(_members, (UNLEARNER,), {"AROW": ("arow",)}),
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


def read_classifier_configuration(configuration: Any) -> LinearClassifierConfiguration:
    """Check a parsed configuration. The converter's rules themselves are not looked at.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    top = check(CLASSIFIER_FORM.schema, configuration)
    refuse_neighbor_methods(top["method"])
    method, form = _METHODS.find(top["method"])
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
