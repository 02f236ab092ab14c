"""What models of the graph engine hold, how they differ, and what becomes of them under another configuration."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

from duma.configuration import read_configuration
from duma.engines.graph_configuration import read_graph_configuration
from duma.models.conversion import Unchanged
from duma.models.layouts import Content
from duma.models.packed import broken, packer, unpacked
from duma.models.report import Report, shown

_EXAMPLES = 5

# (properties, in-edges, out-edges); (properties, source, target); a query is (edge conditions, node conditions)
Node = tuple[dict[bytes, bytes], tuple[int, ...], tuple[int, ...]]
Edge = tuple[dict[bytes, bytes], int, int]
Query = tuple[Any, Any]
Landmark = tuple[int, dict[int, Any], dict[int, Any]]


class GraphModel(NamedTuple):
    """The five parts of the user data, in their order."""

    nodes: dict[int, Node]
    edges: dict[int, Edge]
    global_nodes: dict[int, int]
    centralities: dict[Query, dict[int, tuple[float, int]]]
    paths: dict[Query, tuple[Landmark, ...]]


@dataclass(frozen=True)
class _Merged:
    """A model to be written."""

    model: GraphModel

    def chunks(self) -> Iterator[bytes]:
        """The user data, piece by piece."""
        out = packer()
        yield out.pack_array_header(2) + out.pack(1) + out.pack_array_header(len(self.model))
        for part in self.model:
            yield out.pack_map_header(len(part))
            for key, value in part.items():
                yield out.pack(key) + out.pack(value)

    @cached_property
    def size(self) -> int:
        """Bytes of all chunks; they are made for it, and thrown away."""
        return sum(map(len, self.chunks()))


class GraphLayout:
    """See `duma.models.layouts.Layout`."""

    def __init__(self, config_text: str) -> None:
        self.settings = read_graph_configuration(read_configuration(config_text)[1])

    def read(self, user_data: memoryview) -> GraphModel:
        """The parts. Raises `ModelFileError`."""
        match unpacked(user_data, "user data", tuples=True):
            case (_, (dict(), dict(), dict(), dict(), dict(), *_) as parts):
                model = GraphModel(*parts[:5])
            case _:
                broken("user data is not a version and five maps")
        _check(model.nodes, "node", _is_node)
        _check(model.edges, "edge", _is_edge)
        _check(model.centralities, "centrality", _are_scores)
        _check(model.paths, "list of landmarks", _are_landmarks)
        return model

    def details(self, user_data: memoryview, top: int) -> dict[str, Any]:
        model = self.read(user_data)
        degrees = {node: len(record[1]) + len(record[2]) for node, record in model.nodes.items()}
        largest = sorted(degrees.items(), key=lambda item: (-item[1], item[0]))[:top]
        return {
            "nodes": len(model.nodes),
            "edges": len(model.edges),
            "global_nodes": len(model.global_nodes),
            "nodes_with_most_edges": {str(node): degree for node, degree in largest},
            "centrality_queries": {_text(query): len(scores) for query, scores in model.centralities.items()},
            "landmarks_of_queries": {
                _text(query): [str(landmark[0]) for landmark in landmarks]
                for query, landmarks in model.paths.items()
            },
        }

    def difference(
        self,
        user_data: memoryview,
        other: Self,
        other_data: memoryview,
        tolerance: float,
        top: int,  # noqa: ARG002 - counts and a few examples are shown
    ) -> dict[str, Any]:
        a, b = self.read(user_data), other.read(other_data)
        nodes = _parts(a.nodes, b.nodes, _same_node)
        edges = _parts(a.edges, b.edges, lambda x, y: x[:3] == y[:3])
        same_global = a.global_nodes.keys() == b.global_nodes.keys()
        centralities = _same_centralities(a.centralities, b.centralities, tolerance)
        found = {
            "nodes": nodes,
            "edges": edges,
            "global_nodes": None if same_global else "differ",
            "centralities": None if centralities else "differ",
            "shortest_paths": None if a.paths == b.paths else "differ",
        }
        unlike = sum(
            part[which]["count"] for part in (nodes, edges) for which in ("only_a", "only_b", "differing")
        )
        return {"same": not unlike and same_global and centralities and a.paths == b.paths, **found}

    def converted(self, user_data: memoryview, wanted: Self) -> tuple[Content, Report]:
        self.read(user_data)
        report = Report()
        for name in ("damping_factor", "landmark_num"):
            old, new = getattr(self.settings, name), getattr(wanted.settings, name)
            if old != new:
                report.changes.append(f"{name}: {old} becomes {new}")
        if wanted.settings.landmark_num < self.settings.landmark_num:
            report.cautions.append(
                "a query keeps the landmarks that it has until it is removed and added again"
            )
        return Unchanged(user_data), report

    def merged(
        self,
        parts: Sequence[memoryview],
        names: Sequence[str],
        *,
        for_cluster: bool,  # noqa: ARG002 - the same in a cluster and without
    ) -> tuple[Content, Report]:
        """Joined as a cluster's MIX joins indexes: what a later one says of the same thing counts."""
        report = Report()
        whole = GraphModel({}, {}, {}, {}, {})
        for part, name in zip(parts, names, strict=True):
            _join(whole, self.read(part), self.settings.landmark_num, name, report)
        report.changes.append(
            f"{len(parts)} models become one of {len(whole.nodes)} nodes and {len(whole.edges)} edges"
        )
        return _Merged(whole), report


def _check(entries: dict[Any, Any], what: str, sound: Callable[[Any], bool]) -> None:
    for key, value in entries.items():
        if not sound(value):
            broken(f"{key!r:.50} has {value!r:.50}, which is no {what}")


def _is_node(value: Any) -> bool:
    return _is_array(value, 3) and list(map(type, value[:3])) == [dict, tuple, tuple]


def _is_edge(value: Any) -> bool:
    return _is_array(value, 3) and list(map(type, value[:3])) == [dict, int, int]


def _are_scores(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_array(score, 2) for score in value.values())


def _are_landmarks(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        _is_array(landmark, 3) and list(map(type, landmark[:3])) == [int, dict, dict] for landmark in value
    )


def _is_array(value: Any, least: int) -> bool:
    return isinstance(value, tuple) and len(value) >= least


def _text(query: Query) -> str:
    """A query as JSON."""
    return json.dumps(
        [[[shown(word) for word in pair] for pair in part] for part in query], ensure_ascii=False
    )


def _same_node(a: Node, b: Node) -> bool:
    return a[0] == b[0] and all(sorted(a[side]) == sorted(b[side]) for side in (1, 2))


def _parts(a: dict[int, Any], b: dict[int, Any], same: Callable[[Any, Any], bool]) -> dict[str, Any]:
    def named(ids: list[int]) -> dict[str, Any]:
        return {"count": len(ids), "examples": [str(each) for each in sorted(ids)[:_EXAMPLES]]}

    return {
        "a": len(a),
        "b": len(b),
        "only_a": named([each for each in a if each not in b]),
        "only_b": named([each for each in b if each not in a]),
        "differing": named([each for each in a if each in b and not same(a[each], b[each])]),
    }


def _same_centralities(a: dict[Query, Any], b: dict[Query, Any], tolerance: float) -> bool:
    return a.keys() == b.keys() and all(
        a[query].keys() == b[query].keys()
        and all(
            abs(score - b[query][node][0]) <= tolerance and degree == b[query][node][1]
            for node, (score, degree, *_) in a[query].items()
        )
        for query in a
    )


def _join(whole: GraphModel, part: GraphModel, landmark_num: int, name: str, report: Report) -> None:
    """Adds a model to what was joined so far."""
    others = [
        node for node in part.nodes if node in whole.nodes and part.nodes[node][0] != whole.nodes[node][0]
    ]
    for what, ids in (
        ("nodes", others),
        (
            "edges",
            [edge for edge in part.edges if whole.edges.get(edge, part.edges[edge]) != part.edges[edge]],
        ),
    ):
        if ids:
            report.losses.append(
                f"{len(ids)} {what} that are others in {name} under the same ids, such as {ids[0]}"
            )
    for node, (properties, in_edges, out_edges, *_) in part.nodes.items():
        _, known_in, known_out = whole.nodes.get(node, ({}, (), ()))
        whole.nodes[node] = (
            properties,
            tuple(dict.fromkeys(known_in + in_edges)),
            tuple(dict.fromkeys(known_out + out_edges)),
        )
    whole.edges.update(part.edges)
    whole.global_nodes.update(part.global_nodes)
    for query, scores in part.centralities.items():
        whole.centralities.setdefault(query, {}).update(scores)
    for query, landmarks in part.paths.items():
        known = {landmark[0]: landmark for landmark in whole.paths.get(query, ())}
        for landmark, from_root, to_root, *_ in landmarks:
            if landmark in known:
                _, known_from, known_to = known[landmark]
                known[landmark] = (landmark, known_from | from_root, known_to | to_root)
            elif len(known) < landmark_num:
                known[landmark] = (landmark, from_root, to_root)
        whole.paths[query] = tuple(known.values())
