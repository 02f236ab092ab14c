"""The configuration of the anomaly engine.

| method      | `parameter.method`              | `parameter.parameter`              |
|-------------|---------------------------------|------------------------------------|
| `lof`       | a method of the recommender     | the parameters of that method      |
| `light_lof` | `lsh`, `minhash`, `euclid_lsh`  | as in `signature_configuration`    |

Beside them stand `nearest_neighbor_num` and `reverse_nearest_neighbor_num`, and optionally `ignore_kth_same_point`,
`unlearner` and `unlearner_parameter`.
"""

from dataclasses import dataclass
from typing import Any

from duma import _core
from duma.configuration import (
    AnyValue,
    Boolean,
    Integer,
    InvalidParameter,
    Object,
    String,
    UnsupportedMethod,
    check,
    located,
)
from duma.convert.schema import CONVERTER
from duma.engines.recommender_configuration import RecommenderIndexConfiguration, read_recommender_index
from duma.engines.signature_configuration import SignatureConfiguration, read_signature_configuration
from duma.engines.unlearner_configuration import (
    UNLEARNER_MEMBERS,
    LruUnlearner,
    RandomUnlearner,
    read_unlearner,
)
from duma.errors import ConfigurationError

_TOP = Object(mandatory={"method": String(), "parameter": AnyValue(), "converter": CONVERTER})
_PARAMETER = Object(
    mandatory={
        "nearest_neighbor_num": Integer(),
        "reverse_nearest_neighbor_num": Integer(),
        "method": String(),
        "parameter": AnyValue(),
    },
    optional={"ignore_kth_same_point": Boolean(), **UNLEARNER_MEMBERS},
)
_PATH = ".parameter"
_ALL = 2**31 - 1  # more neighbours than there are points


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
    top = check(_TOP, configuration)
    method = top["method"]
    if method not in ("lof", "light_lof"):
        raise UnsupportedMethod(method, "known are lof, light_lof")
    parameter = check(_PARAMETER, top["parameter"], _PATH)
    index = _index(method, parameter)
    with located(_PATH):
        k, reverse_k = _neighbor_numbers(method, parameter)
    return AnomalyConfiguration(
        method,
        k,
        reverse_k,
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
        # It would take rows away from under the scores.
        raise ConfigurationError(
            [f"the unlearner of lof stands beside nearest_neighbor_num, not here ({inner_path}.unlearner)"]
        )
    return index


def _neighbor_numbers(method: str, parameter: dict[str, Any]) -> tuple[int, int]:
    k, reverse_k = parameter["nearest_neighbor_num"], parameter["reverse_nearest_neighbor_num"]
    if method == "light_lof" and parameter.get("unlearner") is not None:
        # Jubatus checks nothing here; what is negative counts as a very large number.
        return (k if k >= 0 else _ALL), (reverse_k if reverse_k >= 0 else _ALL)
    if k < 2:
        raise InvalidParameter("2 <= nearest_neighbor_num", f"it is {k}")
    if reverse_k < k:
        raise InvalidParameter("nearest_neighbor_num <= reverse_nearest_neighbor_num", f"{k} > {reverse_k}")
    return k, reverse_k


def _unlearner(parameter: dict[str, Any]) -> LruUnlearner | RandomUnlearner | None:
    if parameter.get("unlearner") is not None and "unlearner_parameter" not in parameter:
        raise ConfigurationError([f"unlearner is set but unlearner_parameter is not found ({_PATH})"])
    return read_unlearner(parameter, _PATH)
