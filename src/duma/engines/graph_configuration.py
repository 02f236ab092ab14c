"""The configuration of the graph engine: `method` is `graph_wo_index`, `parameter` has `damping_factor` and
`landmark_num`."""

from dataclasses import dataclass
from typing import Any

from duma.configuration import (
    AnyValue,
    Float64,
    Integer,
    InvalidParameter,
    Object,
    PlainConfigurationError,
    String,
    check,
    located,
)

_TOP = Object(mandatory={"method": String(), "parameter": AnyValue()})
_PARAMETER = Object(mandatory={"damping_factor": Float64(), "landmark_num": Integer()})


@dataclass(frozen=True, slots=True)
class GraphConfiguration:
    """What a graph is built from."""

    damping_factor: float  # between 0 and 1, both excluded
    landmark_num: int  # for each query, from 0 up


def read_graph_configuration(configuration: Any) -> GraphConfiguration:
    """Check a parsed configuration. Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus."""
    top = check(_TOP, configuration)
    if top["method"] != "graph_wo_index":
        with located(".method"):
            raise PlainConfigurationError(f"unknown method name: {top['method']}")
    parameter = check(_PARAMETER, top["parameter"], ".parameter")
    damping, landmarks = parameter["damping_factor"], parameter["landmark_num"]
    if not 0 < damping < 1:  # NaN is refused, too
        with located(".parameter.damping_factor"):
            raise InvalidParameter("0.0 < damping_factor < 1.0", f"it is {damping:g}")
    if landmarks < 0:
        with located(".parameter.landmark_num"):
            raise InvalidParameter("0 <= landmark_num", f"it is {landmarks}")
    return GraphConfiguration(damping, landmarks)
