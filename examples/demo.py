"""Duma at work on real records: a server learns handwritten digits over the network, is killed, and comes back.

    make demo        (or: python examples/demo.py)

The records are scikit-learn's 1,797 digits of 8 x 8 pixels. Each one is first classified, then learned: the accuracy on
the way is that of a server which has never seen what it is asked.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.datasets import load_digits

from duma.client import Classifier, Datum, LabeledDatum

CONFIG = {
    "method": "AROW",
    "parameter": {"regularization_weight": 0.1},
    "converter": {"num_rules": [{"key": "*", "type": "num"}]},
}
TRAINING = 1437
BATCH = 16

console = Console(highlight=False)


def digits() -> list[tuple[str, Datum]]:
    """Each digit and its pixels that are not blank, by row and column."""
    data = load_digits()
    return [
        (str(label), Datum({f"{i // 8},{i % 8}": float(x) / 16 for i, x in enumerate(pixels) if x}))
        for label, pixels in zip(data.target, data.data, strict=True)
    ]


class Server:
    """A `jubaclassifier` of its own process, on a free port, with its models in `folder`."""

    def __init__(self, folder: Path) -> None:
        config = folder / "digits.json"
        config.write_text(json.dumps(CONFIG, indent=2))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port: int = s.getsockname()[1]
        command = str(Path(sys.executable).with_name("jubaclassifier"))
        self.arguments = [
            command,
            "-b",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-f",
            str(config),
            "-d",
            str(folder),
        ]

    def start(self) -> Classifier:
        """Start the process; returns a client once it answers."""
        shown = " ".join([Path(self.arguments[0]).name, *self.arguments[1:]])
        console.print(f"[dim]$ {shown}", soft_wrap=True)
        started = time.perf_counter()
        self.process = subprocess.Popen(self.arguments, stdout=subprocess.DEVNULL)
        while True:
            try:
                client = Classifier("127.0.0.1", self.port, "", timeout=10)
                client.get_status()
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(f"the server ended with status {self.process.returncode}") from None
                time.sleep(0.01)
            else:
                console.print(f"  answers after {time.perf_counter() - started:.2f} s")
                return client

    def kill(self) -> None:
        """End it as a crash would."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


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


def main() -> None:
    """The whole show."""
    records = digits()
    training, held_out = records[:TRAINING], records[TRAINING:]
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        try:
            show(server, training, held_out)
        finally:
            server.kill()


def show(server: Server, training: list[tuple[str, Datum]], held_out: list[tuple[str, Datum]]) -> None:
    """Learn, save, die, load, compare."""
    console.print(
        "\n[bold]1. A classifier server learns handwritten digits[/] (scikit-learn's, 8 x 8 pixels)"
    )
    client = server.start()
    before_learning = learn(client, training)
    console.print(f"  asked before it learned each one, it was right in [bold]{before_learning:.1%}[/]")
    console.print(
        f"  on {len(held_out)} digits that it never learned: [bold]{accuracy(client, held_out):.1%}[/]"
    )
    answers = client.classify([datum for _, datum in held_out])

    console.print("\n[bold]2. It is saved, and killed with SIGKILL[/]")
    for path in client.save("digits").values():
        console.print(
            f"  saved {Path(path).name}, {Path(path).stat().st_size:,} bytes (Jubatus 1.1.1 can load it)"
        )
    client.close()
    server.kill()

    console.print("\n[bold]3. It starts again, knows nothing, and loads[/]")
    client = server.start()
    console.print(f"  labels before load: {len(client.get_labels())}")
    client.load("digits")
    console.print(f"  labels after load:  {len(client.get_labels())}")
    if client.classify([datum for _, datum in held_out]) != answers:
        raise SystemExit("the answers differ from those before the kill")
    console.print(f"  [green]all {len(held_out)} answers are the same as before, to the last bit[/]")
    client.close()

    console.print(
        "\n[bold]What to try next[/]\n"
        "  .venv/bin/duma serve classifier           a server with sensible defaults\n"
        "  .venv/bin/jubaclassifier --help           the same server with Jubatus' options\n"
        "  README.md                                 a first session in Python\n"
        "  docs/classifier.md                        methods and configuration\n"
        "  docs/migration.md                         coming from Jubatus\n",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
