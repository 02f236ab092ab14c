"""Jubatus' clustering in slow and plain Python, by the rules of its documentation and its measured behaviour.

Points are `Point`s whose data are dicts from feature names to values; whatever is summed up, is so in the order of
the names.
"""

import math
import random
from bisect import bisect_left
from dataclasses import dataclass, field, replace

import numpy as np

Vector = dict[str, float]


@dataclass(frozen=True)
class Point:
    id: str
    data: Vector
    weight: float = 1.0


class Draws:
    """A Mersenne Twister that is seeded as in 2002; `random` makes 53 bits of two words as Jubatus does."""

    def __init__(self, seed: int) -> None:
        state = [seed]
        for i in range(1, 624):
            state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + i) % 2**32)
        self._random = random.Random()
        self._random.setstate((3, (*state, 624), None))

    def word(self) -> int:
        return self._random.getrandbits(32)

    def below(self, n: int) -> int:
        return int(self._random.random() * n)

    def sampler(self, weights: list[float]) -> "Sampler":
        return Sampler(weights, self.word())


class Sampler:
    def __init__(self, weights: list[float], seed: int) -> None:
        self._sums = [0.0]
        for weight in weights:
            self._sums.append(self._sums[-1] + weight)
        del self._sums[0]
        self._draws = Draws(seed)

    def draw(self) -> int:
        at = bisect_left(self._sums, self._draws._random.random() * self._sums[-1])
        return min(at, len(self._sums) - 1)


def euclidean(a: Vector, b: Vector) -> float:
    total = 0.0
    for name in sorted({*a, *b}):
        difference = a.get(name, 0.0) - b.get(name, 0.0)
        total += difference * difference
    return math.sqrt(total)


def cosine(a: Vector, b: Vector) -> float:
    dot = sum(a[name] * b[name] for name in sorted(a) if name in b)
    norms = [math.sqrt(sum(v[name] * v[name] for name in sorted(v))) for v in (a, b)]
    return 1 - max(-1.0, min(1.0, dot / norms[0] / norms[1])) if all(norms) else 1.0


DISTANCES = {"euclidean": euclidean, "cosine": cosine}


def nearest(distance, x: Vector, others: list[Vector]) -> tuple[int, float]:
    found = [distance(x, other) for other in others]
    return found.index(min(found)), min(found)


@dataclass
class KMeans:
    k: int
    seed: int
    distance: str = "euclidean"
    centers: list[Vector] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draws = Draws(self.seed)

    def batch(self, points: list[Point]) -> None:
        distance = DISTANCES[self.distance]
        if not points:
            self.centers = []
        if len(points) < self.k:
            return
        centers = [points[0].data]
        while len(centers) < self.k:
            weights = [nearest(distance, p.data, centers)[1] * p.weight for p in points]
            centers.append(points[self.draws.sampler(weights).draw()].data)
        moved = True
        while moved:
            clusters: list[list[Point]] = [[] for _ in centers]
            for p in points:
                clusters[nearest(distance, p.data, centers)[0]].append(p)
            following = [mean(c) or old for c, old in zip(clusters, centers, strict=True)]
            moved = any(distance(a, b) > 1e-9 for a, b in zip(following, centers, strict=True))
            centers = following
        self.centers = centers

    def cluster_of(self, x: Vector) -> int:
        return nearest(DISTANCES[self.distance], x, self.centers)[0]


def mean(points: list[Point]) -> Vector | None:
    total, sums = 0.0, {}
    for p in points:
        total += p.weight
        for name, value in p.data.items():
            sums[name] = sums.get(name, 0.0) + value * p.weight
    return {name: value * (1 / total) for name, value in sums.items()} if total else None


@dataclass
class GaussianMixture:
    k: int
    seed: int
    centers: list[Vector] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.draws = Draws(self.seed)

    def batch(self, points: list[Point]) -> None:
        self.index: dict[str, int] = {}
        rows = []
        for p in points:
            row: dict[int, float] = {}
            for name in sorted(p.data):
                if name not in self.index:
                    self.index[name] = len(self.index)
                    row = {}
                row[self.index[name]] = p.data[name]
            rows.append(row)
        x = np.array([[row.get(i, 0.0) for i in range(len(self.index))] for row in rows])
        weights = np.array([p.weight for p in points])
        self.means = [x[self.draws.below(len(points) - 1)] for _ in range(self.k)]
        self.covariances = [np.eye(x.shape[1])] * self.k
        for _ in range(100001):
            shares = weights[:, None] * self.responsibilities(x)
            old = self.means
            self.means = [q @ x / q.sum() for q in shares.T]
            self.covariances = [
                (x.T * q) @ x / q.sum() - np.outer(mu, mu) + 0.1 * np.eye(len(mu))
                for q, mu in zip(shares.T, self.means, strict=True)
            ]
            if max(np.linalg.norm(a - b) for a, b in zip(self.means, old, strict=True)) < 1e-9:
                break
        met = {i for row in rows for i in row}
        self.centers = [{name: mu[i] for name, i in self.index.items() if i in met} for mu in self.means]

    def responsibilities(self, x):
        logs = []
        for mu, covariance in zip(self.means, self.covariances, strict=True):
            off = x - mu
            quadratic = (off * np.linalg.solve(covariance, off.T).T).sum(axis=1)
            logs.append(-0.5 * (np.linalg.slogdet(covariance)[1] + quadratic))
        return np.exp(np.array(logs).T - np.logaddexp.reduce(logs)[:, None])

    def cluster_of(self, data: Vector) -> int:
        x = np.zeros((1, len(self.index)))
        for name, value in data.items():
            if name in self.index:
                x[0, self.index[name]] = value
        return int(np.argmax(self.responsibilities(x)))


@dataclass
class Dbscan:
    eps: float
    least: int
    distance: str = "euclidean"
    clusters: list[list[Point]] = field(default_factory=list)

    def batch(self, points: list[Point]) -> None:
        distance = DISTANCES[self.distance]
        near = [[j for j, q in enumerate(points) if distance(q.data, p.data) < self.eps] for p in points]
        state = [""] * len(points)
        self.clusters = []
        for i in range(len(points)):
            if state[i]:
                continue
            if len(near[i]) < self.least:
                state[i] = "noise"
                continue
            state[i], cluster, frontier = "classified", [i], near[i]
            while frontier:
                following: list[int] = []
                for p in frontier:
                    if state[p] == "classified":
                        continue
                    state[p] = "classified"
                    cluster.append(p)
                    for j in near[p] if len(near[p]) >= self.least else []:
                        if state[j] == "noise":
                            state[j] = "classified"
                            cluster.append(j)
                        elif not state[j]:
                            following.append(j)
                frontier = following
            if len(cluster) >= self.least:
                self.clusters.append([points[j] for j in cluster])


@dataclass
class Compressor:
    base: int
    seed: int
    gmm: bool = False

    def __post_init__(self) -> None:
        self.draws = Draws(self.seed)

    def compress(self, source: list[Point], size: int) -> list[Point]:
        if size >= len(source):
            return source
        chosen = self.bicriteria(source, size)
        drawn = self.coreset(source, chosen, size - len(chosen)) if len(chosen) < size else []
        added = [replace(p, weight=0.0) for p in chosen[: size - len(drawn)]]
        data, weights = [p.data for p in added], [0.0] * len(added)
        for points, sign in ((drawn, -1), (source, 1)):
            for p in points:
                weights[nearest(euclidean, p.data, data)[0]] += sign * p.weight
        added = [replace(p, weight=w) for p, w in zip(added, weights, strict=True)]
        return [replace(p, weight=max(p.weight, 0.0)) for p in drawn + added]

    def bicriteria(self, source: list[Point], size: int) -> list[Point]:
        b, left, chosen = self.base, source, []
        kept = max(0.1, (1 - math.exp(b * (math.log(b) - math.log(len(source))) / size)) / 2)
        while len(left) > 1 and len(chosen) < size:
            sampler = self.draws.sampler([p.weight for p in left])
            at = sorted({sampler.draw() for _ in range(b)})
            b = len(at)
            chosen = chosen + [left[i] for i in at]
            data = [p.data for p in chosen]
            far = [nearest(euclidean, p.data, data)[1] for p in left]
            # Ties would be in another order.
            order = sorted(range(len(left)), key=lambda i, far=far: -far[i])
            left = [left[i] for i in order[: max(1, int(len(left) * kept))]]
        return chosen

    def coreset(self, source: list[Point], chosen: list[Point], count: int) -> list[Point]:
        data = [p.data for p in chosen]
        found = [nearest(euclidean, p.data, data) for p in source]
        shares = [0.0] * len(chosen)
        for p, (n, _) in zip(source, found, strict=True):
            shares[n] += p.weight
        squares = [d * d * p.weight for p, (_, d) in zip(source, found, strict=True)]
        spread, total = (
            max(plain_sum(squares), 2.2250738585072014e-308),
            plain_sum([p.weight for p in source]),
        )
        if self.gmm:
            odds = [
                math.ceil(total * (5 / shares[n] + s / spread))
                for (n, _), s in zip(found, squares, strict=True)
            ]
        else:
            odds = [math.ceil(total * (s / spread)) + 1 for s in squares]
        sampler, result = self.draws.sampler([float(o) for o in odds]), []
        for _ in range(count):
            i = sampler.draw()
            result.append(replace(source[i], weight=source[i].weight * (1 / count / (odds[i] / sum(odds)))))
        return result


def plain_sum(values: list[float]) -> float:
    """Left to right, without the compensation of newer `sum`s."""
    total = 0.0
    for value in values:
        total += value
    return total


@dataclass
class Simple:
    """The storage that keeps every point."""

    method: KMeans | GaussianMixture | Dbscan
    bucket: int
    points: list[Point] = field(default_factory=list)
    revision: int = 0

    def push(self, point: Point) -> None:
        if (len(self.points) + 1) % self.bucket == 0:
            self.revision += 1
            self.method.batch(self.points)
        self.points.append(point)


@dataclass
class Compressive:
    """The storage that keeps coresets."""

    method: KMeans | GaussianMixture
    compressor: Compressor
    bucket: int
    length: int
    size: int
    factor: float
    threshold: float
    levels: list[list[Point]] = field(default_factory=lambda: [[]])
    buckets: int = 0
    revision: int = 0

    @property
    def points(self) -> list[Point]:
        return [p for level in self.levels for p in level]

    def push(self, point: Point) -> None:
        self.levels[0].append(point)
        if len(self.levels[0]) >= self.bucket:
            self.levels[0] = self.compressor.compress(self.levels[0], self.size)
            self.buckets += 1
            self.carry(0)
            self.revision += 1
            self.method.batch(self.points)

    def carry(self, r: int) -> None:
        if r + 1 == len(self.levels):
            self.levels.append([])
        lower = [replace(p, weight=p.weight * math.exp(-self.factor)) for p in self.levels[r]]
        alone = len(lower) == len(self.points)
        self.levels[r] = []
        if (self.buckets - 1) // self.length**r % self.length == self.length - 1:
            size = self.size if r == 0 else 2 * r * r * self.size
            self.levels[r + 1] = self.compressor.compress(self.levels[r + 1] + lower, size)
            self.carry(r + 1)
        elif math.exp(-self.factor * (r + 1)) < self.threshold and not alone:
            self.levels[r + 1] = lower
        else:
            self.levels[r + 1] = self.levels[r + 1] + lower
