"""A graph engine that is written as the rules are said, for comparing: dictionaries, and nothing done twice."""

from typing import Any

Query = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]  # conditions for edges and for nodes


class Refused(Exception):
    """A call that ends with this text."""


def holds(condition: Any, properties: dict[str, str]) -> bool:
    return all(properties.get(key) == value for key, value in condition)


class GraphOracle:
    """Nodes, edges and centralities. Paths have an oracle of their own: networkx."""

    def __init__(self, damping: float, landmarks: int) -> None:
        self.damping, self.landmark_num = damping, landmarks
        self.next_id = 0
        self.forget()

    def forget(self) -> None:
        self.nodes: dict[int, tuple[dict[str, str], list[int], list[int]]] = {}
        self.edges: dict[int, tuple[dict[str, str], int, int]] = {}
        self.centralities: dict[Query, dict[int, tuple[float, int]]] = {}
        self.landmarks: dict[Query, list[int]] = {}

    def take_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1

    def create_node(self) -> int:
        made = self.take_id()
        self.nodes[made] = ({}, [], [])
        self.offer(made)
        return made

    def update_node(self, node: int, properties: dict[str, str]) -> None:
        if node not in self.nodes:
            raise Refused("update_node")
        self.nodes[node] = (properties, *self.nodes[node][1:])
        self.offer(node)

    def offer(self, node: int) -> None:
        for (_, condition), landmarks in self.landmarks.items():
            fits = holds(condition, self.nodes[node][0]) and node not in landmarks
            if fits and len(landmarks) < self.landmark_num:
                landmarks.append(node)

    def remove_node(self, node: int) -> None:
        if node not in self.nodes:
            raise Refused("remove_node")
        if self.nodes[node][1] or self.nodes[node][2]:
            raise Refused(
                f"graph_wo_index::remove_node node id={node} cannot be removed because it has edges"
            )
        del self.nodes[node]

    def create_edge(self, properties: dict[str, str], source: int, target: int) -> int:
        made = self.take_id()
        if source not in self.nodes and target not in self.nodes:
            raise Refused(f"graph_wo_index::create_edge unknown src id={source} tgt id={target}")
        self.edges[made] = (properties, source, target)
        if source in self.nodes:
            self.nodes[source][2].append(made)
        if target in self.nodes:
            self.nodes[target][1].append(made)
        return made

    def update_edge(self, edge: int, properties: dict[str, str]) -> None:
        if edge not in self.edges:
            raise Refused("update_edge:eid")
        self.edges[edge] = (properties, *self.edges[edge][1:])

    def remove_edge(self, edge: int) -> None:
        if edge not in self.edges:
            raise Refused("remove_edge:eid")
        _, source, target = self.edges.pop(edge)
        for node, side in ((source, 2), (target, 1)):
            edges: Any = self.nodes[node][side] if node in self.nodes else []
            if edge in edges:
                edges[edges.index(edge)] = edges[-1]
                edges.pop()

    def matching(self, query: Query, node: int) -> bool:
        return node not in self.nodes or holds(query[1], self.nodes[node][0])

    def followed(self, query: Query) -> list[tuple[int, int]]:
        """The ends of the edges that an index goes along."""
        return [
            (source, target)
            for properties, source, target in self.edges.values()
            if holds(query[0], properties) and self.matching(query, source) and self.matching(query, target)
        ]

    def update_index(self) -> None:
        for query in self.centralities:
            self.centralities[query] = self.next_step(query, self.centralities[query])

    def next_step(self, query: Query, old: dict[int, tuple[float, int]]) -> dict[int, tuple[float, int]]:
        members = [node for node in self.nodes if self.matching(query, node)]
        new = sum(node not in old for node in members)
        everywhere = len(old) + new
        stranded = sum(score for score, degree in old.values() if degree == 0) + new
        spread = stranded / everywhere if everywhere else stranded
        edges, d = self.followed(query), self.damping
        received = dict.fromkeys(members, 0.0)
        for source, target in edges:
            if target in received and source in old and old[source][1]:
                received[target] += old[source][0] / old[source][1]
        scores = {node: d * received[node] + 1 - d + d * spread for node in members}
        total = sum(scores.values())
        degrees = {node: sum(source == node for source, _ in edges) for node in members}
        return {node: (score * len(scores) / total, degrees[node]) for node, score in scores.items()}
