"""Local outlier factors by the definitions, one point at a time, estimated when the anomaly engine does so."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Nearest = list[tuple[str, float]]


def euclid(rows: dict[str, Vector], query: Vector, n: int) -> Nearest:
    """The nearest rows by Euclid's distance, nearest first."""
    found = [(float(np.linalg.norm(query - row)), id_) for id_, row in rows.items()]
    return [(id_, distance) for distance, id_ in sorted(found)[:n]]


@dataclass
class LofOracle:
    """Points with their densities; `light` estimates them as light_lof does."""

    k: int
    reverse_k: int
    light: bool = False
    nearest: Callable[[dict[str, Vector], Vector, int], Nearest] = euclid
    rows: dict[str, Vector] = field(default_factory=dict)
    k_distance: dict[str, float] = field(default_factory=dict)
    density: dict[str, float] = field(default_factory=dict)

    def put(self, id_: str, row: Vector) -> float:
        """Set a row; returns its score."""
        changed = self._reverse(self.rows[id_]) if id_ in self.rows else set()
        self.rows[id_] = row
        self._estimate(changed | self._reverse(row) | {id_})
        return self.score_of(id_)

    def put_all(self, rows: Iterable[tuple[str, Vector]]) -> None:
        """Add new rows and estimate once; light_lof looks for the points around them when all are there."""
        changed: set[str] = set()
        rows = list(rows)
        if self.light:
            self.rows.update(rows)
        for id_, row in rows:
            self.rows[id_] = row
            changed |= self._reverse(row) | {id_}
        self._estimate(changed)

    def remove(self, id_: str) -> None:
        for held in (self.rows, self.k_distance, self.density):
            held.pop(id_, None)

    def evict(self, id_: str) -> None:
        """What light_lof does for an unlearner: the points around are estimated anew."""
        changed = self._reverse(self.rows[id_]) - {id_}
        self.remove(id_)
        self._estimate(changed)

    def score(self, query: Vector) -> float:
        return self._factor(self.nearest(self.rows, query, self.k))

    def score_of(self, id_: str) -> float:
        found = self.nearest(self.rows, self.rows[id_], self.k + 1)
        return self._factor([(other, distance) for other, distance in found if other != id_][: self.k])

    def _reverse(self, query: Vector) -> set[str]:
        return {id_ for id_, _ in self.nearest(self.rows, query, self.reverse_k)}

    def _estimate(self, changed: set[str]) -> None:
        found = {id_: self.nearest(self.rows, self.rows[id_], self.k) for id_ in changed}
        for id_, neighbors in found.items():
            self.k_distance[id_] = neighbors[-1][1]
        for id_, neighbors in found.items():
            self.density[id_] = self._density(neighbors, 0 if self.light else 1e-15)

    def _density(self, neighbors: Nearest, least: float) -> float:
        reach = sum(max(distance, self.k_distance[other]) for other, distance in neighbors) + least
        return len(neighbors) / reach if reach else math.inf

    def _factor(self, neighbors: Nearest) -> float:
        if not neighbors:
            return math.inf
        own, others = self._density(neighbors, 0), sum(self.density[other] for other, _ in neighbors)
        return 1.0 if math.isinf(own) and math.isinf(others) else others / (len(neighbors) * own)
