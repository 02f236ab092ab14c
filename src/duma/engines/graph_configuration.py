"""The configuration of the graph engine."""

from dataclasses import dataclass
from typing import Any

from duma.configuration import Float64, Integer, check, located
from duma.configuration_form import Choice, Condition, Form, Member

_DAMPING_FACTOR = Member(
    Float64(),
    "the probability with which the walk of the centrality follows an edge",
    example=0.9,
    condition=Condition("0.0 < damping_factor < 1.0", lambda damping: 0 < damping < 1),  # NaN is refused, too
)
_LANDMARK_NUM = Member(
    Integer(),
    "nodes that the paths of a query lead through",
    example=5,
    condition=Condition("0 <= landmark_num", lambda landmarks: landmarks >= 0),
)
_METHODS = Choice(
    "method",
    "parameter",
    {
        "graph_wo_index": Form(
            "centrality and shortest paths, made by update_index",
            {"damping_factor": _DAMPING_FACTOR, "landmark_num": _LANDMARK_NUM},
        ),
    },
    parameters_needed=True,
    unknown="unknown method name: {}",
)

GRAPH_FORM = Form("keeps a graph", {}, (_METHODS,))


@dataclass(frozen=True, slots=True)
class GraphConfiguration:
    """What a graph is built from."""

    damping_factor: float  # between 0 and 1, both excluded
    landmark_num: int  # for each query, from 0 up


def read_graph_configuration(configuration: Any) -> GraphConfiguration:
    """Check a parsed configuration. Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus."""
    top = check(GRAPH_FORM.schema, configuration)
    with located(".method"):
        _, form = _METHODS.find(top["method"])
    parameter = check(form.schema, top["parameter"], ".parameter")
    form.require(parameter, ".parameter")
    return GraphConfiguration(parameter["damping_factor"], parameter["landmark_num"])
