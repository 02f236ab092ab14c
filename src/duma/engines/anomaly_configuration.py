"""The configuration of the anomaly engine.

| method      | `parameter.method`              | `parameter.parameter`              |
|-------------|---------------------------------|------------------------------------|
| `lof`       | a method of the recommender     | the parameters of that method      |
| `light_lof` | `lsh`, `minhash`, `euclid_lsh`  | as in `signature_configuration`    |

Beside them stand `nearest_neighbor_num` and `reverse_nearest_neighbor_num`, and optionally `ignore_kth_same_point`,
`unlearner` and `unlearner_parameter`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from duma import _core
from duma.configuration import Boolean, Integer, check, located
from duma.configuration_form import Choice, Condition, Form, Member
from duma.convert.schema import CONVERTER_MEMBER
from duma.engines.recommender_configuration import (
    RECOMMENDER_METHODS,
    RecommenderIndexConfiguration,
    read_recommender_index,
)
from duma.engines.signature_configuration import (
    SIGNATURE_METHODS,
    SignatureConfiguration,
    read_signature_configuration,
)
from duma.engines.unlearner_configuration import UNLEARNER, LruUnlearner, RandomUnlearner, read_unlearner
from duma.errors import ConfigurationError

_PATH = ".parameter"
_ALL = 2**31 - 1  # more neighbours than there are points

_UNLEARNER = replace(UNLEARNER, missing="unlearner is set but unlearner_parameter is not found ({path})")
_IGNORE_SAME = Member(
    Boolean(),
    "whether a point is only scored when nearest_neighbor_num - 1 are at its place already",
    optional=True,
    default="false",
)


# The unlearner of a recommender would take rows away from under the scores.
_INDEXES = {
    name: replace(form, choices=tuple(choice for choice in form.choices if choice.selector != "unlearner"))
    for name, form in RECOMMENDER_METHODS.ways.items()
}


def _method(meaning: str, index: Choice, *, always_checked: bool) -> Form:
    """The parameters of lof or light_lof. Jubatus does not check those of light_lof where there is an unlearner."""

    def checked(values: Mapping[str, Any]) -> bool:
        return always_checked or "unlearner" not in values

    k = Member(
        Integer(),
        "neighbours that a density is estimated from, a stored point itself among them",
        example=10,
        condition=Condition(
            "2 <= nearest_neighbor_num",
            lambda values: not checked(values) or values["nearest_neighbor_num"] >= 2,
            together=True,
        ),
    )
    reverse_k = Member(
        Integer(),
        "neighbours whose densities are estimated anew when a point comes",
        example=30,
        condition=Condition(
            "nearest_neighbor_num <= reverse_nearest_neighbor_num",
            lambda values: (
                not checked(values)
                or values["nearest_neighbor_num"] <= values["reverse_nearest_neighbor_num"]
            ),
            together=True,
        ),
    )
    members = {
        "nearest_neighbor_num": k,
        "reverse_nearest_neighbor_num": reverse_k,
        "ignore_kth_same_point": _IGNORE_SAME,
    }
    return Form(meaning, members, (replace(index, parameters_needed=True, missing=""), _UNLEARNER))


_METHODS = Choice(
    "method",
    "parameter",
    {
        "lof": _method(
            "keeps features, and finds neighbours as the recommender does",
            replace(RECOMMENDER_METHODS, ways=_INDEXES),
            always_checked=True,
        ),
        "light_lof": _method(
            "keeps signatures, and finds neighbours as the nearest neighbour engine does",
            SIGNATURE_METHODS,
            always_checked=False,
        ),
    },
    parameters_needed=True,
)

ANOMALY_FORM = Form("scores outliers", {"converter": CONVERTER_MEMBER}, (_METHODS,))


@dataclass(frozen=True, slots=True)
class AnomalyConfiguration:
    """What an anomaly engine is built from."""

    method: str  # lof or light_lof
    nearest_neighbor_num: int  # at least 2; with light_lof and an unlearner at least 0
    reverse_nearest_neighbor_num: int  # at least nearest_neighbor_num, but for light_lof with an unlearner
    ignore_kth_same_point: bool
    index: RecommenderIndexConfiguration | SignatureConfiguration  # of lof, of light_lof
    unlearner: LruUnlearner | RandomUnlearner | None
    converter: dict[str, Any]  # the section, checked for names and types

    def lof_settings(self) -> _core.LofSettings:
        """The core's settings."""
        return _core.LofSettings(
            self.nearest_neighbor_num, self.reverse_nearest_neighbor_num, self.ignore_kth_same_point
        )


def read_anomaly_configuration(configuration: Any) -> AnomalyConfiguration:
    """Check a parsed configuration. The converter's rules themselves are not looked at.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    top = check(ANOMALY_FORM.schema, configuration)
    method, form = _METHODS.find(top["method"])
    parameter = check(form.schema, top["parameter"], _PATH)
    index = _index(method, parameter)
    form.require(parameter, _PATH)
    k, reverse_k = parameter["nearest_neighbor_num"], parameter["reverse_nearest_neighbor_num"]
    return AnomalyConfiguration(
        method,
        k if k >= 0 else _ALL,  # as Jubatus, where negative numbers count as very large ones
        reverse_k if reverse_k >= 0 else _ALL,
        parameter.get("ignore_kth_same_point", False),
        index,
        _unlearner(parameter),
        top["converter"],
    )


def _index(method: str, parameter: dict[str, Any]) -> RecommenderIndexConfiguration | SignatureConfiguration:
    inner_path = f"{_PATH}.parameter"
    with located(f"{_PATH}.method"):
        if method == "light_lof":
            return read_signature_configuration(parameter["method"], parameter["parameter"], inner_path)
        index = read_recommender_index(parameter["method"], parameter["parameter"], inner_path)
    if index.unlearner is not None:
        raise ConfigurationError(
            [f"the unlearner of lof stands beside nearest_neighbor_num, not here ({inner_path}.unlearner)"]
        )
    return index


def _unlearner(parameter: dict[str, Any]) -> LruUnlearner | RandomUnlearner | None:
    if "unlearner" in parameter and "unlearner_parameter" not in parameter:
        raise ConfigurationError([_UNLEARNER.missing.format(path=_PATH)])
    return read_unlearner(parameter, _PATH)
