"""Searching and setting rows of signatures, beside a plain read of the same memory and faiss' IndexBinaryFlat.

    python -m benchmarks.nearest_neighbor

One million rows of 512 bits, one search at a time; then rows set one after another, memory per row, and searches from
1, 2 and 4 clients of a server while another one sets rows.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import msgpack
import numpy as np

import duma
from benchmarks import records, served
from benchmarks.classifier import BULK, limit
from benchmarks.measure import Row, print_table, rate
from duma.client import NearestNeighbor

BITS, ROWS, SEARCHED_ROWS, INSERTED, NEAREST = 512, 1_000_000, 100_000, 100_000, 10
JUBATUS = {
    "lsh": 18_200 / 915_000,
    "euclid_lsh": 16_000 / 915_000,
    "minhash": 1_900 / 915_000,
}  # of the limit loop


def configuration(method: str = "lsh", **parameter: int) -> dict[str, Any]:
    return {
        "method": method,
        "parameter": {"hash_num": BITS, **parameter},
        "converter": {"num_rules": [{"key": "*", "type": "num"}]},
    }


def model_of(signatures: Any, **parameter: int) -> duma.NearestNeighbor:
    """An engine whose rows `0`, `1`, ... have these signatures (uint64, a row each)."""
    n = len(signatures)
    keys = [str(i) for i in range(n)]
    table = [keys, n, [[[""], i] for i in range(n)], [[[10, BITS], signatures.reshape(-1).tolist()]], n, {}]
    statistics = [0, [{}], [{}], [{}], {}]
    engine = duma.NearestNeighbor(configuration(**parameter))
    engine.adopt(engine.read_model(memoryview(msgpack.packb([1, [table, [[0], statistics, statistics]]]))))
    return engine


def search(rows: int) -> None:
    signatures = np.random.default_rng(1).integers(0, 2**64, (rows, BITS // 64), dtype=np.uint64)
    index = faiss.IndexBinaryFlat(BITS)
    index.add(signatures.view(np.uint8))
    query = signatures[rows // 2 : rows // 2 + 1].view(np.uint8)
    faiss.omp_set_num_threads(1)
    engine, threaded = model_of(signatures), model_of(signatures, threads=-1)
    # As a server asks: MessagePack in, MessagePack out.
    method = duma.NearestNeighbor.methods["neighbor_row_from_id"]
    arguments = [msgpack.packb(str(rows // 2)), msgpack.packb(NEAREST)]

    def once(work: Callable[[], object]) -> float:
        return rate(lambda: bool(work()) or 1)

    read = once(lambda: np.bitwise_xor.reduce(signatures, axis=None))
    table = [
        Row("a plain read of the table (NumPy)", read),
        Row("Duma, one thread", once(lambda: method.call_packed(engine, arguments))),
        Row("faiss IndexBinaryFlat, one thread", once(lambda: index.search(query, NEAREST))),
        Row("Duma, all threads", once(lambda: method.call_packed(threaded, arguments))),
    ]
    faiss.omp_set_num_threads(multiprocessing.cpu_count())
    table.append(Row("faiss IndexBinaryFlat, all threads", once(lambda: index.search(query, NEAREST))))
    size = signatures.nbytes / 1e6
    print_table(f"{rows:,} rows of {BITS} bits, {size:.0f} MB", table, "searches/s", read, "the read")
    print(
        f"  the plain read: {read * size / 1000:.1f} GB/s, Duma on one thread: {table[1].rate * size / 1000:.1f} GB/s"
    )


def insertion() -> None:
    datums = [records.pack(record.datum()) for record in records.numbers(1000, width=10)]
    # What Jubatus' numbers are scaled by: the same hand-written loop, on the machine at hand.
    limit_loop = limit(records.packed_training(records.numbers(BULK)))
    method = duma.NearestNeighbor.methods["set_row"]
    for name in ("lsh", "euclid_lsh", "minhash"):
        engine = duma.NearestNeighbor(configuration(name))
        n = INSERTED if name != "minhash" else INSERTED // 10
        start = time.perf_counter()
        for i in range(n):
            method.call_packed(engine, [msgpack.packb(str(i)), datums[i % 1000]])
        rows = n / (time.perf_counter() - start)
        jubatus = JUBATUS[name] * limit_loop
        print_table(
            f"set_row, {n:,} rows of 10 numbers, {name}, {BITS} bits",
            [Row("Duma", rows), Row("Jubatus 1.1.1, scaled", jubatus)],
            "rows/s",
            jubatus,
            "Jubatus",
        )


def memory() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as process:
        bytes_per_row = process.apply(_bytes_per_row)
    print(f"\nmemory: {bytes_per_row:.0f} bytes per row of {BITS} bits, {BITS // 8} of them its signature")


def _bytes_per_row() -> float:
    engine = duma.NearestNeighbor(configuration())
    engine.set_row("first", duma.Datum({"n": 1.0}))
    before = _resident()
    for i in range(INSERTED):
        engine.set_row(f"row{i}", duma.Datum({"n": float(i)}))
    return (_resident() - before) / INSERTED


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def beside_updates() -> None:
    port = served.free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        served.server_process(configuration(), Path(folder), port, "-c", "4", engine="nearest_neighbor"),
        multiprocessing.get_context("spawn").Pool(5) as clients,
    ):
        with served.connect(port) as connection:
            datums = [records.pack(record.datum()) for record in records.numbers(1000, width=10)]
            served.stream(connection, [_set_row(i, datums[i % 1000]) for i in range(SEARCHED_ROWS)])
        clients.starmap(_search_for, [(port, 0.1)] * 5)  # they have started
        table = []
        for n in (1, 2, 4):
            updating = clients.apply_async(_update_for, (port, 3.0))
            table.append(
                Row(f"{n} clients", sum(clients.starmap(_search_for, [(port, 3.0)] * n, chunksize=1)))
            )
            print(f"  {n} searching, one that sets rows: {updating.get():,.0f} rows/s")
    title = f"searches of {SEARCHED_ROWS:,} rows while another client sets rows"
    print_table(title, table, "searches/s", table[0].rate, "one client")


def _set_row(i: int, datum: bytes) -> bytes:
    return b"\x94\x00\x01\xa7set_row\x93\xa0" + msgpack.packb(str(i)) + datum


def _search_for(port: int, seconds: float) -> float:
    with NearestNeighbor("127.0.0.1", port, "", timeout=10) as connection:
        return rate(lambda: bool(connection.neighbor_row_from_id("1", NEAREST)) or 1, seconds, 1)


def _update_for(port: int, seconds: float) -> float:
    with NearestNeighbor("127.0.0.1", port, "", timeout=10) as connection:
        return rate(lambda: connection.set_row("0", duma.Datum({"n": 1.0})), seconds, 1)


if __name__ == "__main__":
    search(ROWS)
    insertion()
    memory()
    beside_updates()
