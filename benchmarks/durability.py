"""What durability costs: the journal by mode, recovery, saving and loading, and the pause that a save makes.

python -m benchmarks.durability [--features 10000000]
"""

import argparse
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import duma
from benchmarks import records, served
from benchmarks.classifier import CONFIG
from benchmarks.measure import Row, print_table
from duma.store.files import DiskFiles
from duma.store.model_file import read_model, write_model

MODES = ("off", "interval", "always")


@contextmanager
def journaling_server(folder: Path, mode: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A `jubaclassifier` with this journal mode on a folder; killed at the end."""
    port = served.free_port()
    with served.server_process(
        CONFIG, folder, port, "--journal", mode, "--snapshot_interval", "0"
    ) as process:
        yield process, port


def calls_per_second(port: int, clients: int, depth: int, request: bytes, size: int, seconds: float) -> float:
    """Calls of one request by so many clients, each with `depth` of them in flight."""
    selector = selectors.DefaultSelector()
    missing: dict[socket.socket, int] = {}
    for _ in range(clients):
        connection = served.connect(port)
        selector.register(connection, selectors.EVENT_READ)
        missing[connection] = size * depth
        connection.sendall(request * depth)
    done, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for key, _ in selector.select():
            connection: Any = key.fileobj
            missing[connection] -= len(connection.recv(1 << 16))
            if missing[connection] == 0:
                done += depth
                missing[connection] = size * depth
                connection.sendall(request * depth)
    for connection in missing:
        connection.close()
    return done / elapsed


def journal_cost() -> None:
    """Small updates per second in each mode, by number of clients."""
    request = records.request(1, "train", records.packed_training(records.numbers(1, width=10)))
    for clients, depth in ((1, 1), (1, 128), (64, 1), (64, 16)):
        rates: dict[str, list[float]] = {mode: [] for mode in MODES}
        for _ in range(3):  # in turn, so that a machine that drifts does so for all
            for mode in MODES:
                with (
                    tempfile.TemporaryDirectory() as folder,
                    journaling_server(Path(folder), mode) as (_, port),
                ):
                    with served.connect(port) as connection:
                        size = served.answer_size(connection, request)
                    rates[mode].append(calls_per_second(port, clients, depth, request, size, 1.0))
        rows = [Row(f"journal {mode}", median(rates[mode])) for mode in MODES]
        print_table(f"train, {clients} clients, {depth} in flight each", rows, "calls/s", rows[0].rate, "off")


def recovery() -> None:
    """Learning over the network, and learning the same again from the journal."""
    for name, sample in (("numbers", records.numbers(20_000)), ("texts", records.texts(10_000))):
        requests = [
            records.request(i, "train", records.packed_training(batch))
            for i, batch in enumerate(records.batches(sample))
        ]
        times = 200_000 // len(sample)
        with tempfile.TemporaryDirectory() as folder:
            with journaling_server(Path(folder), "interval") as (_, port), served.connect(port) as connection:
                start = time.perf_counter()
                for _ in range(times):
                    served.stream(connection, requests)
                learned = len(sample) * times / (time.perf_counter() - start)
            data = next(Path(folder).glob("*_classifier"))
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "benchmarks.replay", str(data)], check=True, stdout=subprocess.DEVNULL
            )
            replayed = len(sample) * times / (time.perf_counter() - start)
        rows = [Row("learned over the network", learned), Row("recovered, process start included", replayed)]
        print_table(f"Recovery, {name}, batches of 1000", rows, "records/s", learned, "learning")


def many_features(count: int) -> Any:
    """A model of two labels that knows so many features."""
    model = duma.Classifier(CONFIG)
    train = model.methods["train"]
    for first in range(0, count, 10_000):
        words = [f"w{i}" for i in range(first, first + 10_000)]
        batch = [
            (label, [[("body", " ".join(words[i : i + 100]))], [], []])
            for i in range(0, len(words), 100)
            for label in records.LABELS
        ]
        train.call_packed(model, [records.pack(batch)])
    return model


def saving_and_loading() -> None:
    """A million features: rates of file against a plain write and read of the same bytes."""
    model = many_features(1_000_000)
    used = resident_megabytes()
    with tempfile.TemporaryDirectory() as folder:
        path, plain = Path(folder) / "model.jubatus", Path(folder) / "plain"
        rates: dict[str, list[float]] = {}
        model.save(path)
        content = path.read_bytes()
        works = {
            "save": lambda: model.save(path),
            "plain write and fsync": lambda: write_plain(plain, content),
            "load": lambda: model.load(path),
            "plain read": plain.read_bytes,
        }
        for _ in range(3):
            for name, work in works.items():
                start = time.perf_counter()
                work()
                rates.setdefault(name, []).append(len(content) / 1e6 / (time.perf_counter() - start))
        rows = [Row(name, median(values)) for name, values in rates.items()]
        print_table("A model of 1,000,000 features, two labels", rows, "MB/s", rows[1].rate, "the write")
        print(
            f"  file {path.stat().st_size / 1e6:.0f} MB; memory of the process that learned it {used:.0f} MB"
        )


def write_plain(path: Path, content: bytes) -> None:
    """What no save can be faster than."""
    file = DiskFiles().create(path) if not path.exists() else DiskFiles().open(path, writing=True)
    with file:
        file.truncate(0)
        file.append(content)
        file.sync()


def resident_megabytes() -> float:
    """Memory of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def pause(features: int) -> None:
    """How long other calls wait while a large model is saved."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.jubatus"
        model = many_features(features)
        write_model(
            DiskFiles(), path, engine_type="classifier", model_id="large", config_text=model.config_text,
            timestamp=int(time.time()), snapshot=model.snapshot(),
        )  # fmt: skip
        del model
        port = served.free_port()
        with served.server_process(None, Path(folder), port, "-m", str(path)) as process:
            for method in ("classify", "train"):
                quiet = waits(port, method, lambda: time.sleep(3))
                during = waits(port, method, lambda: save(port))
                memory = (
                    int(Path(f"/proc/{process.pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
                )
                print(
                    f"\n{method} beside a save of {features:,} features ({path.stat().st_size / 1e6:.0f} MB): "
                    f"{len(during)} calls, longest {max(during) * 1000:.1f} ms, median {median(during) * 1000:.2f} ms; "
                    f"without a save longest {max(quiet) * 1000:.1f} ms; peak memory {memory:.0f} MB",
                    flush=True,
                )
        with read_model(DiskFiles(), path) as file:
            assert file.model_id == "large"


def waits(port: int, method: str, work: Any) -> list[float]:
    """How long each of a stream of small calls took while `work` ran."""
    one = [records.Record("pos", {}, ["w1", "w2", "w999999"])]
    argument = records.packed_training(one) if method == "train" else records.packed_queries(one)
    request = records.request(1, method, argument)
    taken: list[float] = []
    over = threading.Event()

    def ask() -> None:
        with served.connect(port) as connection:
            while not over.is_set():
                start = time.perf_counter()
                connection.sendall(request)
                connection.recv(1 << 16)
                taken.append(time.perf_counter() - start)
                time.sleep(0.0005)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        work()
    finally:
        over.set()
        asking.join()
    return taken


def save(port: int) -> None:
    """One save, waited for."""
    with served.connect(port) as connection:
        connection.sendall(records.request(1, "save", records.pack("pause")))
        connection.settimeout(120)
        connection.recv(1 << 16)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--features", type=int, default=10_000_000, help="of the model that is saved beside calls"
    )
    features = parser.parse_args().features
    journal_cost()
    recovery()
    saving_and_loading()
    pause(features)


if __name__ == "__main__":
    main()
