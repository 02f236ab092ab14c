"""How many of the true nearest rows a search by signatures finds, by the number of bits.

    python -m benchmarks.recall

10,000 rows in 200 groups, 200 queries from the same groups. The exact ten nearest are found by NumPy: by angle for lsh,
by Euclid's distance for euclid_lsh, by Jaccard similarity for minhash. Of several rows that are equally near, each may
be among the ten. The second figure is what a program can have that asks for more rows and ranks them exactly itself.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import duma

ROWS, QUERIES, GROUPS = 10_000, 200, 200
BITS = (64, 128, 256, 512, 1024)
PROBES, TABLES = (0, 64, 1024), (4, 16, 64)
NEAREST, MORE = 10, 100

# The exact similarity of a query to every row.
Similarity = Callable[[Any], Any]


class Records(NamedTuple):
    """Rows and queries as datums, and how alike they really are."""

    rows: list[duma.Datum]
    queries: list[duma.Datum]
    similarities: list[Any]  # by query: of every row


def numbers(similarity: str, width: int = 32) -> Records:
    """Vectors around the centers of their groups; the length of a center varies."""
    random = np.random.default_rng(7)
    centers = random.normal(size=(GROUPS, width)) * random.uniform(0.5, 2, size=(GROUPS, 1))
    made = centers[random.integers(GROUPS, size=ROWS + QUERIES)]
    made += random.normal(scale=0.5, size=made.shape)
    rows, queries = made[:ROWS], made[ROWS:]

    def exact(query: Any) -> Any:
        if similarity == "angle":
            return rows @ query / np.linalg.norm(rows, axis=1)
        return -np.linalg.norm(rows - query, axis=1)

    datums = [duma.Datum({f"n{i}": float(x) for i, x in enumerate(row)}) for row in made]
    return Records(datums[:ROWS], datums[ROWS:], [exact(query) for query in queries])


def texts(length: int = 30, vocabulary: int = 5000) -> Records:
    """Sets of words, two thirds of them from the 40 of their group."""
    random = np.random.default_rng(7)
    own = length * 2 // 3
    groups = np.array([random.choice(vocabulary, 40, replace=False) for _ in range(GROUPS)]) + vocabulary
    made = np.array(
        [
            np.concatenate(
                [
                    random.choice(groups[group], own, replace=False),
                    random.choice(vocabulary, length - own, replace=False),
                ]
            )
            for group in random.integers(GROUPS, size=ROWS + QUERIES)
        ]
    )
    rows = made[:ROWS]

    def exact(query: Any) -> Any:
        asked = np.zeros(2 * vocabulary, dtype=bool)
        asked[query] = True
        common = asked[rows].sum(axis=1)
        return common / (2 * length - common)

    datums = [duma.Datum({"words": " ".join(f"w{word}" for word in words)}) for words in made]
    return Records(datums[:ROWS], datums[ROWS:], [exact(query) for query in made[ROWS:]])


CONVERTER = {
    "num_rules": [{"key": "*", "type": "num"}],
    "string_rules": [{"key": "*", "type": "space", "sample_weight": "bin", "global_weight": "bin"}],
}

# A search for rows, by a datum and how many.
Search = Callable[[duma.Datum, int], list[Any]]


def by_signatures(method: str, bits: int, rows: list[duma.Datum]) -> Search:
    """A search among rows by nearest_neighbor. The recommender's lsh and minhash have the same signatures."""
    engine = duma.NearestNeighbor({"method": method, "parameter": {"hash_num": bits}, "converter": CONVERTER})
    for number, row in enumerate(rows):
        engine.set_row(str(number), row)
    return engine.neighbor_row_from_datum


def by_buckets(probes: int, tables: int, rows: list[duma.Datum]) -> Search:
    """A search among rows by the recommender's euclid_lsh, which looks only into buckets."""
    parameter = {
        "hash_num": 4,
        "table_num": tables,
        "bin_width": 8.0,
        "probe_num": probes,
        "seed": 1091,
    }
    engine = duma.Recommender({"method": "euclid_lsh", "parameter": parameter, "converter": CONVERTER})
    for number, row in enumerate(rows):
        engine.update_row(str(number), row)
    return engine.similar_row_from_datum


def recall(search: Search, records: Records) -> tuple[float, float]:
    """The share of the true `NEAREST` among as many rows found, and among `MORE`."""
    hits = np.zeros(2)
    for query, similarity in zip(records.queries, records.similarities, strict=True):
        enough = np.partition(similarity, -NEAREST)[-NEAREST]
        found = similarity[[int(one.id) for one in search(query, MORE)]] >= enough
        hits += min(NEAREST, found[:NEAREST].sum()), min(NEAREST, found.sum())
    first, more = hits / (NEAREST * len(records.queries))
    return float(first), float(more)


def print_recalls(
    title: str, corner: str, columns: list[str], lines: dict[int, list[tuple[float, float]]]
) -> None:
    print(f"\n{title}\n{corner:>8}" + "".join(f"{column:>20}" for column in columns))
    for head, recalls in lines.items():
        print(f"{head:>8}" + "".join(f"{first:>13.2f} {more:>6.2f}" for first, more in recalls), flush=True)


def main() -> None:
    contests = {
        "lsh": numbers("angle"),
        "euclid_lsh": numbers("distance"),
        "minhash": texts(),
    }
    print(f"the {NEAREST} nearest of {ROWS:,} rows: share found among {NEAREST} rows, and among {MORE}")
    print_recalls(
        "signatures",
        "bits",
        list(contests),
        {
            bits: [
                recall(by_signatures(method, bits, records.rows), records)
                for method, records in contests.items()
            ]
            for bits in BITS
        },
    )
    distances = contests["euclid_lsh"]
    print_recalls(
        "the recommender's euclid_lsh, 4 hashes a table, bin_width 8",
        "probes",
        [f"{tables} tables" for tables in TABLES],
        {
            probes: [recall(by_buckets(probes, tables, distances.rows), distances) for tables in TABLES]
            for probes in PROBES
        },
    )


if __name__ == "__main__":
    main()
