"""The second act: a server that watches records arrive, and says which of them are unlike the others.

    make demo        (or: python examples/anomalies.py)

The records are scikit-learn's Wisconsin breast cancer data: thirty measurements of cell nuclei each. 357 are of benign
tissue; among them come ten of malignant tissue, which nobody tells the server of. It scores each record as it arrives
(a local outlier factor: about 1 among equals) and stores it, so that later ones are compared with it, too.
"""

import random
import tempfile
from pathlib import Path

from serving import Server, console
from sklearn.datasets import load_breast_cancer

from duma.client import Datum

CONFIG = {
    "method": "lof",
    "parameter": {
        "nearest_neighbor_num": 20,
        "reverse_nearest_neighbor_num": 40,
        "method": "inverted_index_euclid",
        "parameter": {},
    },
    "converter": {"num_rules": [{"key": "*", "type": "num"}]},
}
WARM_UP, MALIGNANT = 100, 10
ALERT = 1.75

Record = tuple[bool, Datum]  # whether malignant, measurements


def records() -> list[Record]:
    """The records in the order of their arrival. Measurements are in standard deviations of the first ones."""
    data = load_breast_cancer()
    benign, malignant = data.data[data.target == 1], data.data[data.target == 0][:MALIGNANT]
    center, spread = benign[:WARM_UP].mean(axis=0), benign[:WARM_UP].std(axis=0)

    def record(is_malignant: bool, values: list[float]) -> Record:
        scaled = (values - center) / spread
        return is_malignant, Datum(
            {name: float(x) for name, x in zip(data.feature_names, scaled, strict=True)}
        )

    first = [record(False, values) for values in benign[:WARM_UP]]
    later = [record(False, values) for values in benign[WARM_UP:]]
    later += [record(True, values) for values in malignant]
    random.Random(4).shuffle(later)
    return first + later


def main() -> None:
    """The whole act."""
    console.print(
        "\n[bold]5. An anomaly server watches measurements arrive[/] (scikit-learn's breast cancer data)"
    )
    with tempfile.TemporaryDirectory() as folder:
        server = Server("anomaly", CONFIG, Path(folder))
        try:
            watch(server, records())
        finally:
            server.kill()


def watch(server: Server, arriving: list[Record]) -> None:
    """Score and store each record; show those that stand out, and in the end how many of them were right."""
    client = server.start()
    client.add_bulk([datum for _, datum in arriving[:WARM_UP]])
    console.print(f"  {WARM_UP} records of benign tissue are stored; the others arrive one by one:")
    scored = []
    for is_malignant, datum in arriving[WARM_UP:]:
        row, score = client.add(datum)
        scored.append((score, is_malignant))
        if score >= ALERT:
            truth = "[red]malignant" if is_malignant else "benign"
            console.print(f"    record {row:>3}  score {score:5.2f}  {'█' * round(6 * score):<30} {truth}")
    scored.sort(reverse=True)
    found = sum(is_malignant for _, is_malignant in scored[:MALIGNANT])
    console.print(
        f"  of {len(scored)} records {MALIGNANT} were malignant; of the {MALIGNANT} with the highest scores "
        f"[bold]{found}[/] are"
    )
    suspect = next(datum for is_malignant, datum in arriving if is_malignant)
    before = client.calc_score(suspect)
    client.close()
    server.kill()
    console.print("  it is killed with SIGKILL, and starts again")
    client = server.start()
    if client.calc_score(suspect) != before:
        raise SystemExit("the score differs from the one before")
    console.print("  [green]it scores as before, to the last bit")
    client.close()


if __name__ == "__main__":
    main()
