"""The clustering beside scikit-learn, and what a server answers while it clusters.

    python -m benchmarks.clustering

Points of numbers around 8 places. scikit-learn gets arrays that are ready, Duma works on points that it has stored.
K-means goes on in both until nothing moves, from starts that are drawn. The mixtures stop at different signs of rest:
no mean moves by 1e-9, or the likelihood rises by less than 1e-9.
"""

import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import DBSCAN, KMeans
from sklearn.mixture import GaussianMixture

import duma
from benchmarks import records, served
from benchmarks.measure import Row, print_table
from duma.client import Clustering, Datum

POINTS, WIDTH, PLACES, EPS, LEAST = 50_000, 30, 8, 5.0, 5
MIXED_POINTS, MIXED_WIDTH = 5_000, 8
NAMES = [f"feature{j}" for j in range(WIDTH)]


def configuration(method: str, bucket_size: int) -> dict[str, Any]:
    parameter = {"eps": EPS, "min_core_point": LEAST} if method == "dbscan" else {"k": PLACES, "seed": 0}
    return {
        "method": method,
        "parameter": parameter,
        "compressor_method": "simple",
        "compressor_parameter": {"bucket_size": bucket_size},
        "converter": {"num_rules": [{"key": "*", "type": "num"}]},
    }


def scattered(count: int, width: int) -> Any:
    rng = np.random.default_rng(1)
    places = rng.normal(0, 5, (PLACES, width))
    return places[rng.integers(0, PLACES, count)] + rng.normal(0, 1, (count, width))


def packed(points: Any) -> bytes:
    """The argument of `push`."""
    return records.pack(
        [(f"p{i}", [[], list(zip(NAMES, row, strict=False)), []]) for i, row in enumerate(points.tolist())]
    )


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def clustered(method: str, points: Any) -> tuple[float, float]:
    """Points pushed per second, and points clustered per second."""
    model = duma.Clustering(configuration(method, len(points) + 1))
    push, batch = model.methods["push"], packed(points)
    pushing = seconds(lambda: push.call_packed(model, [batch]))
    return len(points) / pushing, len(points) / seconds(lambda: push.call_packed(model, [packed(points[:1])]))


def beside_scikit_learn(method: str, points: Any, theirs: Callable[[], Any]) -> None:
    pushed, ours = clustered(method, points)
    other = len(points) / seconds(theirs)
    rows = [Row("Duma", ours), Row("scikit-learn", other), Row("Duma, push before it", pushed)]
    print_table(
        f"{method}, {len(points):,} points of {points.shape[1]} numbers",
        rows,
        "points/s",
        other,
        "scikit-learn",
    )


def answered_while_clustering(points: Any) -> None:
    """Questions to a server before and while it clusters by k-means with many centers, which takes long."""
    port = served.free_port()
    config = configuration("kmeans", len(points) // 2)
    config["parameter"]["k"] = 50
    query = Datum(dict(zip(NAMES, points[0].tolist(), strict=True)))
    with (
        tempfile.TemporaryDirectory() as folder,
        served.server_process(config, Path(folder), port, engine="clustering"),
        Clustering("127.0.0.1", port, "", timeout=600) as client,
        Clustering("127.0.0.1", port, "", timeout=600) as pusher,
    ):
        batch = [
            (f"p{i}", Datum(dict(zip(NAMES, row, strict=True)))) for i, row in enumerate(points.tolist())
        ]
        pusher.push(batch[: len(batch) // 2])

        def asked(going_on: Callable[[], bool]) -> tuple[float, float]:
            """Questions per second, and the longest time that one took."""
            count, longest, start = 0, 0.0, time.perf_counter()
            while going_on():
                longest = max(longest, seconds(lambda: client.get_nearest_center(query)))
                count += 1
            return count / (time.perf_counter() - start), longest

        end = time.perf_counter() + 2
        before, _ = asked(lambda: time.perf_counter() < end)
        pusher.push(batch[len(batch) // 2 : -1])
        # With this point a clustering of all is due.
        clustering = threading.Thread(target=pusher.push, args=(batch[-1:],))
        taken = time.perf_counter()
        clustering.start()
        during, longest = asked(clustering.is_alive)
        taken = time.perf_counter() - taken
        rows = [Row("before", before), Row("during a clustering", during)]
        print_table("get_nearest_center of a server, one at a time", rows, "calls/s", before, "before")
        print(f"  the clustering took {taken:.1f} s; the longest answer took {longest * 1000:.0f} ms")


def main() -> None:
    """Print all tables."""
    points, few = scattered(POINTS, WIDTH), scattered(MIXED_POINTS, MIXED_WIDTH)
    beside_scikit_learn(
        "kmeans", points, lambda: KMeans(PLACES, n_init=1, tol=0, algorithm="lloyd").fit(points)
    )
    beside_scikit_learn("dbscan", points, lambda: DBSCAN(eps=EPS, min_samples=LEAST).fit(points))
    mixture = GaussianMixture(PLACES, tol=1e-9, max_iter=5000, reg_covar=0.1, init_params="random_from_data")
    beside_scikit_learn("gmm", few, lambda: mixture.fit(few))
    answered_while_clustering(points)


if __name__ == "__main__":
    main()
