"""Duma at work on real records: a server learns handwritten digits over the network and loses nothing of it.

    make demo        (or: python examples/demo.py)

The records are scikit-learn's 1,797 digits of 8 x 8 pixels. Each one is first classified, then learned: the accuracy on
the way is that of a server which has never seen what it is asked. Then the server is killed without having saved, a
wrong `clear` is undone, and a saved model is loaded by a server that knows nothing.

The second act is `anomalies.py`.
"""

import json
import subprocess
import tempfile
from pathlib import Path

import anomalies
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from serving import Server, command, console
from sklearn.datasets import load_digits

from duma.client import Classifier, Datum, LabeledDatum

CONFIG = {
    "method": "AROW",
    "parameter": {"regularization_weight": 0.1},
    "converter": {"num_rules": [{"key": "*", "type": "num"}]},
}
TRAINING = 1437
BATCH = 16


def digits() -> list[tuple[str, Datum]]:
    """Each digit and its pixels that are not blank, by row and column."""
    data = load_digits()
    return [
        (str(label), Datum({f"{i // 8},{i % 8}": float(x) / 16 for i, x in enumerate(pixels) if x}))
        for label, pixels in zip(data.target, data.data, strict=True)
    ]


def best(scores: list) -> str:
    """The label of the highest score."""
    return max(scores, key=lambda result: result.score).label if scores else ""


def learn(client: Classifier, records: list[tuple[str, Datum]]) -> float:
    """Classify, then learn, batch by batch; returns the accuracy before learning."""
    right = seen = 0
    columns = (
        TextColumn("  learning"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[accuracy]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(records), accuracy="")
        for at in range(0, len(records), BATCH):
            batch = records[at : at + BATCH]
            guesses = client.classify([datum for _, datum in batch])
            right += sum(best(guess) == label for guess, (label, _) in zip(guesses, batch, strict=True))
            seen += len(batch)
            client.train([LabeledDatum(label, datum) for label, datum in batch])
            progress.update(task, advance=len(batch), accuracy=f"accuracy so far {right / seen:.1%}")
    return right / seen


def accuracy(client: Classifier, records: list[tuple[str, Datum]]) -> float:
    """The share of records whose best label is the right one."""
    guesses = client.classify([datum for _, datum in records])
    return sum(best(guess) == label for guess, (label, _) in zip(guesses, records, strict=True)) / len(
        records
    )


def same(client: Classifier, held_out: list[tuple[str, Datum]], answers: list) -> None:
    """Say that the answers are what they were, or end."""
    if client.classify([datum for _, datum in held_out]) != answers:
        raise SystemExit("the answers differ from those before")
    console.print(f"  [green]all {len(held_out)} answers are the same as before, to the last bit")


def main() -> None:
    """The whole show."""
    records = digits()
    training, held_out = records[:TRAINING], records[TRAINING:]
    with tempfile.TemporaryDirectory() as folder:
        server = Server("classifier", CONFIG, Path(folder))
        try:
            show(server, training, held_out)
        finally:
            server.kill()
    anomalies.main()
    what_next()


def show(server: Server, training: list[tuple[str, Datum]], held_out: list[tuple[str, Datum]]) -> None:
    """Learn, die, err, undo, save, load, compare."""
    console.print(
        "\n[bold]1. A classifier server learns handwritten digits[/] (scikit-learn's, 8 x 8 pixels)"
    )
    client = server.start()
    before_learning = learn(client, training)
    console.print(f"  asked before it learned each one, it was right in [bold]{before_learning:.1%}")
    console.print(
        f"  on {len(held_out)} digits that it never learned: [bold]{accuracy(client, held_out):.1%}"
    )
    answers = client.classify([datum for _, datum in held_out])

    console.print("\n[bold]2. It is killed with SIGKILL, without having saved, and starts again")
    client.close()
    server.kill()
    client = server.start()
    same(client, held_out, answers)

    console.print("\n[bold]3. Somebody calls `clear` by mistake; it is found and undone")
    client.clear()
    console.print(f"  labels after the mistake: {len(client.get_labels())}")
    undo_clear(server)
    client.load("undone")
    same(client, held_out, answers)

    console.print(
        "\n[bold]4. It is saved and killed; a server without journal starts, knows nothing, and loads"
    )
    for path in client.save("digits").values():
        console.print(
            f"  saved {Path(path).name}, {Path(path).stat().st_size:,} bytes (a Jubatus model file)"
        )
    client.close()
    server.kill()
    client = server.start("--journal", "off")
    console.print(f"  labels before load: {len(client.get_labels())}")
    client.load("digits")
    console.print(f"  labels after load:  {len(client.get_labels())}")
    same(client, held_out, answers)
    client.close()


def what_next() -> None:
    """Where to go from here."""
    console.print(
        "\n[bold]What to try next[/]\n"
        "  .venv/bin/duma serve classifier           a server with sensible defaults\n"
        "  .venv/bin/jubaclassifier --help           the same server with Jubatus' options\n"
        "  README.md                                 a first session in Python\n"
        "  docs/backup-and-recovery.md               what is promised, and how to undo\n"
        "  docs/anomaly.md                           scores for outliers, as above\n"
        "  docs/migration.md                         coming from Jubatus\n",
        soft_wrap=True,
    )


def undo_clear(server: Server) -> None:
    """Find the `clear` in the journal, and build the model as it was before it."""
    journal = str(server.data_folder)
    search = command("duma", "journal", "search", journal, "--method", "clear", "--json")
    found = subprocess.run(search, check=True, capture_output=True, text=True).stdout
    console.print("  " + found.strip(), soft_wrap=True)
    record = json.loads(found)["record"]
    undone = str(server.folder / f"{server.data_folder.name}_undone.jubatus")
    subprocess.run(command("duma", "recover", journal, "--to", f"before={record}", "-o", undone), check=True)


if __name__ == "__main__":
    main()
