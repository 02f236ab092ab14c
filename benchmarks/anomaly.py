"""Local outlier factors as points arrive: one insertion, beside refitting scikit-learn's estimator.

    python -m benchmarks.anomaly [points ...]        (by default 10,000 and 100,000)

Points have 3 to 10 numbers around one of eight centres. An insertion stores a point and answers its score; it is
measured in one thread, MessagePack in and out, on a model that holds the points already. Without an online server one
would fit again and score: that is measured on the same points.
"""

import ctypes
import gc
import random
import sys
import time
from pathlib import Path
from statistics import median

import msgpack
import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import LocalOutlierFactor

from duma.engines.anomaly import Anomaly

K, REVERSE_K = 10, 30
INSERTIONS, QUERIES = 40, 40
METHODS = {
    "light_lof, euclid_lsh, 64 bits": ("light_lof", "euclid_lsh", {"hash_num": 64}),
    "lof, inverted_index_euclid": ("lof", "inverted_index_euclid", {}),
}

Point = dict[str, float]


def points(n: int, seed: int = 1) -> list[Point]:
    """Points as maps from names to numbers."""
    draw = random.Random(seed)
    centers = [
        {f"x{i}": draw.uniform(-10, 10) for i in draw.sample(range(10), draw.randint(3, 10))}
        for _ in range(8)
    ]
    return [
        {name: x + draw.gauss(0, 1) for name, x in centers[draw.randrange(len(centers))].items()}
        for _ in range(n)
    ]


def engine(method: str, index: str, parameter: dict[str, int]) -> Anomaly:
    return Anomaly(
        {
            "method": method,
            "parameter": {
                "nearest_neighbor_num": K,
                "reverse_nearest_neighbor_num": REVERSE_K,
                "method": index,
                "parameter": parameter,
            },
            "converter": {"num_rules": [{"key": "*", "type": "num"}]},
        }
    )


def datum(point: Point) -> list[object]:
    return [[], list(point.items()), []]


def call(anomaly: Anomaly, method: str, argument: object) -> object:
    packed = msgpack.packb(argument, use_bin_type=False)
    return anomaly.methods[method].call_packed(anomaly, [packed])


def seconds(anomaly: Anomaly, method: str, some: list[Point]) -> float:
    """The median time of one call with a point."""
    times = []
    for point in some:
        start = time.perf_counter()
        call(anomaly, method, datum(point))
        times.append(time.perf_counter() - start)
    return median(times)


def resident() -> int:
    """Bytes of memory that this process has now."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what was freed does not count
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def matrix(some: list[Point]) -> NDArray[np.float64]:
    return np.array([[point.get(f"x{i}", 0.0) for i in range(10)] for point in some])


def refit(stored: list[Point], new: Point) -> float:
    """Fit all points and score one: seconds."""
    data, query = matrix(stored), matrix([new])
    start = time.perf_counter()
    LocalOutlierFactor(n_neighbors=K - 1, novelty=True).fit(data).score_samples(query)
    return time.perf_counter() - start


def measure(n: int) -> None:
    """Print one table."""
    stored, new = points(n), points(INSERTIONS + QUERIES, seed=2)
    fitted = refit(stored, new[0])
    print(
        f"\n{n:,} points\n{'':34}{'insertion':>12}{'score':>12}{'in bulk':>12}{'bytes each':>12}   insertions per refit"
    )
    for name, (method, index, parameter) in METHODS.items():
        before, start = resident(), time.perf_counter()
        anomaly = engine(method, index, parameter)
        call(anomaly, "add_bulk", [datum(point) for point in stored])
        bulk = (time.perf_counter() - start) / n
        each = (resident() - before) / n
        insertion = seconds(anomaly, "add", new[:INSERTIONS])
        score = seconds(anomaly, "calc_score", new[INSERTIONS:])
        columns = "".join(f"{1e3 * value:>9.2f} ms" for value in (insertion, score, bulk))
        print(f"  {name:<32}{columns}{each:>12,.0f}{fitted / insertion:>19,.0f}x", flush=True)
    print(f"  {'scikit-learn, fit and score':<32}{1e3 * fitted:>9.2f} ms")


def main() -> None:
    """Measure with as many points as the command line says."""
    for n in [int(word) for word in sys.argv[1:]] or [10_000, 100_000]:
        measure(n)


if __name__ == "__main__":
    main()
