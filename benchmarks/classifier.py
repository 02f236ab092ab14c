"""Duma's classifier beside River, scikit-learn and Vowpal Wabbit, a hand-written loop and an echo server.

    python -m benchmarks.classifier

All contestants learn the same records with two labels, one after another or in batches of 1000, and each converts them
from what a program would have at hand (Duma: a request's bytes; the others: dicts and lists of words). River,
scikit-learn and Vowpal Wabbit run inside of this process, which spares them the network that the served rows pay for.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import records, served
from benchmarks.measure import Row, print_table, rate
from benchmarks.records import Record

CONFIG: dict[str, Any] = {
    "method": "AROW",
    "parameter": {"regularization_weight": 1.0},
    "converter": {
        "string_rules": [{"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "bin"}],
        "num_rules": [{"key": "*", "type": "num"}],
    },
}
BULK = 1000
JUBATUS = {  # measured where the limit loop did 1,000,000 (numbers) and 133,000 (texts) records per second
    "train numbers": 29_400 / 915_000,
    "train texts": 6_100 / 133_000,
    "classify numbers": 100_000 / 915_000,
    "classify texts": 9_500 / 133_000,
}


def limit(batch: bytes) -> float:
    """Records per second of the hand-written loop."""
    source = Path(__file__).with_name("limit.cpp")
    with tempfile.TemporaryDirectory() as folder:
        program, data = Path(folder) / "limit", Path(folder) / "batch"
        data.write_bytes(batch)
        subprocess.run(["g++", "-O3", "-march=x86-64-v2", "-std=c++20", source, "-o", program], check=True)
        return float(subprocess.run([program, data], check=True, capture_output=True, text=True).stdout)


def cycled(batches: list[Any], work: Callable[[Any], object], size: int = BULK) -> Callable[[], int]:
    """Work on one batch after another, beginning again at the end."""

    def endless() -> Iterator[Any]:
        while True:
            yield from batches

    following = endless()

    def one() -> int:
        work(next(following))
        return size

    return one


def duma_core(batches: list[bytes], queries: list[bytes]) -> tuple[float, float]:
    """Training and classifying without a network."""
    import duma

    model = duma.Classifier(CONFIG)
    train, classify = model.methods["train"], model.methods["classify"]
    trained = rate(cycled(batches, lambda batch: train.call_packed(model, [batch])))
    return trained, rate(cycled(queries, lambda batch: classify.call_packed(model, [batch])))


def duma_served(batches: list[bytes], queries: list[bytes]) -> tuple[float, float]:
    """The same calls over one connection, pipelined."""
    with served.classifier_server(CONFIG) as connection:

        def bulk(method: str, arguments: list[bytes]) -> Callable[[], int]:
            requests = [records.request(i, method, argument) for i, argument in enumerate(arguments)]

            def work() -> int:
                served.stream(connection, requests)
                return len(requests) * BULK

            return work

        return rate(bulk("train", batches)), rate(bulk("classify", queries))


def river_rate(batches: list[list[Record]]) -> float:
    """River's AROW-like passive-aggressive classifier, record by record."""
    from collections import Counter

    from river import linear_model

    model = linear_model.PAClassifier(C=1.0, mode=1)

    def learn(batch: list[Record]) -> None:
        for record in batch:
            features = record.numbers or dict(Counter(record.words))
            model.learn_one(features, record.label == "pos")

    return rate(cycled(batches, learn))


def sklearn_rate(batches: list[list[Record]]) -> float:
    """scikit-learn: hashed features, SGD with hinge loss, batches of 1000."""
    from collections import Counter

    from sklearn.feature_extraction import FeatureHasher
    from sklearn.linear_model import SGDClassifier

    hasher, model = (
        FeatureHasher(2**18),
        SGDClassifier(loss="hinge", learning_rate="pa1", eta0=1.0, penalty=None),
    )

    def learn(batch: list[Record]) -> None:
        features = hasher.transform(record.numbers or Counter(record.words) for record in batch)
        model.partial_fit(features, [record.label for record in batch], classes=list(records.LABELS))

    return rate(cycled(batches, learn))


def vowpal_wabbit_rate(batches: list[list[Record]]) -> float:
    """Vowpal Wabbit: its text format, as its documentation has a Python program use it."""
    from vowpalwabbit import pyvw

    model = pyvw.Workspace("--quiet --loss_function hinge -b 18")

    def learn(batch: list[Record]) -> None:
        for record in batch:
            features = " ".join(f"{k}:{v}" for k, v in record.numbers.items()) or " ".join(record.words)
            model.learn(f"{1 if record.label == 'pos' else -1} | {features}")

    try:
        return rate(cycled(batches, learn))
    finally:
        model.finish()


def bulk(name: str, sample: list[Record]) -> float:
    """Bulk training and classifying; returns the limit loop's rate."""
    batches = records.batches(sample, BULK)
    packed = [records.packed_training(batch) for batch in batches]
    queries = [records.packed_queries(batch) for batch in batches]
    whole = limit(records.packed_training(sample))
    core_train, core_classify = duma_core(packed, queries)
    served_train, served_classify = duma_served(packed, queries)
    rows = [
        Row("hand-written loop, train", whole),
        Row("Duma, core alone, train", core_train),
        Row("Duma, served, train", served_train),
        Row("Duma, core alone, classify", core_classify),
        Row("Duma, served, classify", served_classify),
        Row("Jubatus 1.1.1, served, train (recorded ratio)", JUBATUS[f"train {name}"] * whole),
        Row("Jubatus 1.1.1, served, classify (recorded ratio)", JUBATUS[f"classify {name}"] * whole),
        Row("River, learn_one", river_rate(batches)),
        Row("scikit-learn, partial_fit", sklearn_rate(batches)),
        Row("Vowpal Wabbit, learn", vowpal_wabbit_rate(batches)),
    ]
    print_table(f"Bulk, {name}", rows, "records/s", whole, "the loop")
    return whole


def small_calls(whole: float) -> None:
    """Calls of one datum of 10 numbers, several in flight."""
    one = records.numbers(1, width=10)
    calls = {"classify": records.packed_queries(one), "train": records.packed_training(one)}
    jubatus = {"classify": (9_000, 36_100, 76_500), "train": (17_400, 26_200, 31_800)}
    for method, argument in calls.items():
        request = records.request(1, method, argument)
        for depth, recorded in zip((1, 16, 128), jubatus[method], strict=True):

            def called(
                connection: Any, size: int, depth: int = depth, request: bytes = request
            ) -> Callable[[], int]:
                def work() -> int:
                    served.windowed(connection, request, size, depth, 1024)
                    return 1024 // depth * depth

                return work

            with served.classifier_server(CONFIG) as connection:
                served.stream(
                    connection,
                    [records.request(0, "train", records.packed_training(records.numbers(100, width=10)))],
                )
                duma_rate = rate(called(connection, served.answer_size(connection, request)))
            with served.echo_server() as connection:
                echo_rate = rate(called(connection, len(request)))
            rows = [
                Row("Duma", duma_rate),
                Row("an echo on the same loop", echo_rate),
                Row("Jubatus 1.1.1 (scaled by the loop)", recorded * whole / 915_000),
            ]
            print_table(f"{method} of one datum, {depth} in flight", rows, "calls/s", echo_rate, "the echo")


def main() -> None:
    """Print all tables."""
    whole = bulk("numbers", records.numbers(20 * BULK))
    bulk("texts", records.texts(10 * BULK))
    small_calls(whole)


if __name__ == "__main__":
    main()
