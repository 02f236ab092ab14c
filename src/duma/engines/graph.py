"""The graph engine: nodes and edges with properties, centralities and shortest paths."""

from typing import Any, NamedTuple

from duma import _core
from duma.engines.core_model import CoreEngine
from duma.engines.declaration import (
    BROADCAST,
    CHT1,
    CHT2,
    INTERNAL,
    RANDOM,
    Aggregator,
    Packed,
    analysis,
    update,
)
from duma.engines.graph_configuration import GRAPH_FORM, read_graph_configuration
from duma.engines.wire_types import UInt, ULong


class Query(NamedTuple):
    """A property that nodes or edges must have: a key and its value."""

    from_id: str
    to_id: str


class PresetQuery(NamedTuple):
    """Which edges and which nodes an index is made of: those with all the properties; all, if there are none."""

    edge_query: list[Query]
    node_query: list[Query]


class Node(NamedTuple):
    """A node's properties and the ids of its edges."""

    property: dict[str, str]
    in_edges: list[ULong]
    out_edges: list[ULong]


class Edge(NamedTuple):
    """An edge's properties and the ids of the nodes that it leads from and to."""

    property: dict[str, str]
    source: str
    target: str


class ShortestPathQuery(NamedTuple):
    """A path that is looked for: from where to where, at most how many nodes long, in which index."""

    source: str
    target: str
    max_hop: UInt
    query: PresetQuery


# With less, a call takes about as long as handing it to a thread.
_MUCH = 4096


def _has_much(engine: "Graph") -> bool:
    return engine._model.size > _MUCH


def _has_a_large_node(engine: "Graph") -> bool:
    return engine._model.largest_degree > _MUCH


def _has_long_ways(engine: "Graph") -> bool:
    return engine._model.longest_way > _MUCH


class Graph(CoreEngine):
    """Keeps a directed graph and answers, as it was at the last `update_index`, how central a node is and which
    way leads from one to another.

    Method: graph_wo_index. The formulas are in the core's `graph/centrality.hpp` and `graph/paths.hpp`. All
    errors of calls have Jubatus' texts.
    """

    type = "graph"
    configuration_form = GRAPH_FORM
    _model: _core.Graph

    def build(self, configuration: Any) -> None:
        settings = read_graph_configuration(configuration)
        self._model = _core.Graph(settings.damping_factor, settings.landmark_num)

    def hidden_state(self) -> bytes:
        # The next id, which `clear` does not change. After a load it is the one behind the largest, as in Jubatus.
        return self._model.hidden_state()

    def set_hidden_state(self, state: bytes) -> None:
        self._model.set_hidden_state(state)

    @update(route=RANDOM, counted=False)
    def create_node(self) -> str:
        """Make a node without properties; returns its id."""
        return str(self._model.create_node())

    @update(route=CHT2)
    def remove_node(self, node_id: Packed[str]) -> bool:
        """Remove a node; returns true. An error if it is unknown or has edges."""
        self._model.remove_node(node_id)
        return True

    @update(route=CHT2, aggregator=Aggregator.ALL_AND)
    def update_node(
        self,
        node_id: Packed[str],
        property: Packed[dict[str, str]],  # noqa: A002 - clients pass it by this name
    ) -> bool:
        """Give a node these properties in place of those it has; returns true. An error if it is unknown."""
        self._model.update_node(node_id, property)
        return True

    @update(route=CHT1, counted=False)
    def create_edge(self, node_id: str, e: Packed[Edge]) -> ULong:  # noqa: ARG002 - for proxies
        """Make an edge; returns its id. `node_id` is its source. An error if both of its ends are unknown."""
        return ULong(self._model.create_edge(e))

    @update(route=CHT2, aggregator=Aggregator.ALL_AND)
    def update_edge(self, node_id: str, edge_id: ULong, e: Packed[Edge]) -> bool:  # noqa: ARG002
        """Give an edge the properties of `e` in place of those it has; its ends stay. Returns true."""
        self._model.update_edge(edge_id, e)
        return True

    @update(route=CHT2, aggregator=Aggregator.ALL_AND)
    def remove_edge(self, node_id: str, edge_id: ULong) -> bool:  # noqa: ARG002
        """Remove an edge; returns true. An error if it is unknown."""
        self._model.remove_edge(edge_id)
        return True

    @analysis(route=RANDOM)
    def get_centrality(self, node_id: Packed[str], centrality_type: int, query: Packed[PresetQuery]) -> float:
        """The score of a node at the last `update_index`; on average a node has 1. The type is 0."""
        return self._model.get_centrality(node_id, centrality_type, query)

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def add_centrality_query(self, query: Packed[PresetQuery]) -> bool:
        """Have `update_index` score the nodes of a query from now on; returns true."""
        self._model.add_centrality_query(query)
        return True

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def add_shortest_path_query(self, query: Packed[PresetQuery]) -> bool:
        """Have `update_index` find the ways of a query from now on; returns true. Its landmarks are nodes that are
        made or updated later."""
        self._model.add_shortest_path_query(query)
        return True

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def remove_centrality_query(self, query: Packed[PresetQuery]) -> bool:
        """Forget a query and its scores; returns true."""
        self._model.remove_centrality_query(query)
        return True

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def remove_shortest_path_query(self, query: Packed[PresetQuery]) -> bool:
        """Forget a query and its landmarks; returns true."""
        self._model.remove_shortest_path_query(query)
        return True

    @analysis(route=RANDOM, slow=_has_long_ways)
    def get_shortest_path(self, query: Packed[ShortestPathQuery]) -> Packed[list[str]]:
        """The ids of the nodes from source to target, through a landmark; empty if no way is known."""
        return self._model.get_shortest_path(query)  # type: ignore[return-value]

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND, slow=_has_much)
    def update_index(self) -> bool:
        """Take each centrality one step further, and find all ways to and from landmarks anew; returns true."""
        self._model.update_index()
        return True

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND, slow=_has_much)
    def clear(self) -> bool:
        """Forget the graph and all queries; returns true. Ids go on where they were."""
        self.forget()
        return True

    @analysis(route=CHT2, slow=_has_a_large_node)
    def get_node(self, node_id: Packed[str]) -> Packed[Node]:
        """A node's properties and edges. An error if it is unknown."""
        return self._model.get_node(node_id)  # type: ignore[return-value]

    @analysis(route=CHT2)
    def get_edge(self, node_id: str, edge_id: ULong) -> Packed[Edge]:  # noqa: ARG002
        """An edge's properties and ends. An error if it is unknown."""
        return self._model.get_edge(edge_id)  # type: ignore[return-value]

    # From server to server.

    @update(route=INTERNAL)
    def create_node_here(self, node_id: Packed[str]) -> bool:
        """Make a node with this id, unless it is there; returns true."""
        self._model.create_node_here(node_id)
        return True

    @update(route=INTERNAL)
    def remove_global_node(self, node_id: Packed[str]) -> bool:
        """Forget that there is a node with this id; returns true. Paths cannot begin or end there any more."""
        self._model.remove_global_node(node_id)
        return True

    @update(route=INTERNAL)
    def create_edge_here(self, edge_id: ULong, e: Packed[Edge]) -> bool:
        """Make an edge with this id; returns true. An error if the id is taken."""
        self._model.create_edge_here(edge_id, e)
        return True
