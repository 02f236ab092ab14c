"""The inverted index beside scikit-learn's brute force over a sparse matrix, and what a row costs.

    python -m benchmarks.neighbors_index

100,000 rows of 50 features out of 20,000, which are used as unequally as words are; one search at a time for the
nearest 10 rows.
"""

import time
from typing import Any

import msgpack
import numpy as np
from scipy.sparse import csr_matrix
from sklearn.neighbors import NearestNeighbors

import duma
from benchmarks.measure import Row, print_table, rate

ROWS, FEATURES, PER_ROW, NEAREST, QUERIES = 100_000, 20_000, 50, 10, 200


def matrix(rows: int) -> Any:
    """Rows of values from 1 to 4, as float64."""
    draw = np.random.default_rng(1)
    columns = (FEATURES * draw.random((rows, PER_ROW)) ** 3).astype(np.int64)
    values = draw.integers(1, 5, (rows, PER_ROW)).astype(float)
    cells = csr_matrix(
        (values.ravel(), columns.ravel(), np.arange(0, rows * PER_ROW + 1, PER_ROW)), (rows, FEATURES)
    )
    cells.sum_duplicates()
    return cells


def packed(row: Any) -> bytes:
    """A row of the matrix as a datum in MessagePack."""
    numbers = [
        [f"f{column}", value] for column, value in zip(row.indices.tolist(), row.data.tolist(), strict=True)
    ]
    data: bytes = msgpack.packb([[], numbers, []])
    return data


def recommender(method: str) -> duma.Recommender:
    return duma.Recommender({"method": method, "converter": {"num_rules": [{"key": "*", "type": "num"}]}})


def compare(method: str, metric: str, rows: Any, datums: list[bytes]) -> None:
    engine = recommender(method)
    update = duma.Recommender.methods["update_row"]
    start = time.perf_counter()
    for i, datum in enumerate(datums):
        update.call_packed(engine, [msgpack.packb(str(i)), datum])
    first = len(datums) / (time.perf_counter() - start)
    start = time.perf_counter()
    for i in range(0, len(datums), 10):
        update.call_packed(engine, [msgpack.packb(str(i)), datums[-1 - i]])
    again = len(datums) / 10 / (time.perf_counter() - start)

    engine = recommender(method)
    for i, datum in enumerate(datums):
        update.call_packed(engine, [msgpack.packb(str(i)), datum])
    brute = NearestNeighbors(n_neighbors=NEAREST, algorithm="brute", metric=metric, n_jobs=1).fit(rows)
    search = duma.Recommender.methods["similar_row_from_datum"]
    queries = list(range(0, ROWS, ROWS // QUERIES))
    for i in queries[:20]:
        found = msgpack.unpackb(search.call_packed(engine, [datums[i], msgpack.packb(NEAREST)]))
        distances, _ = brute.kneighbors(rows[i])
        scores = [1 - score if metric == "cosine" else -score for _, score in found]
        assert np.allclose(scores, distances[0], atol=1e-6), (scores, distances)

    def duma_searches() -> int:
        for i in queries:
            search.call_packed(engine, [datums[i], msgpack.packb(NEAREST)])
        return len(queries)

    def brute_searches() -> int:
        for i in queries[:20]:
            brute.kneighbors(rows[i])
        return 20

    def brute_batch() -> int:
        brute.kneighbors(rows[queries])
        return len(queries)

    one = rate(brute_searches)
    table = [
        Row(f"Duma, {method}, MessagePack in and out", rate(duma_searches)),
        Row(f"scikit-learn, brute, {metric}, one by one", one),
        Row(f"scikit-learn, {QUERIES} queries at once", rate(brute_batch)),
    ]
    print_table(f"{ROWS:,} rows of {PER_ROW} features", table, "searches/s", one, "one by one")
    print(f"  update_row: {first:,.0f} new rows/s, {again:,.0f} existing rows/s")


if __name__ == "__main__":
    cells = matrix(ROWS)
    datums_ = [packed(cells[i]) for i in range(ROWS)]
    compare("inverted_index", "cosine", cells, datums_)
    compare("inverted_index_euclid", "euclidean", cells, datums_)
