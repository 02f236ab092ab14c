"""A graph of a million edges, beside networkx: inserting, indexes, paths, memory; and what a server answers meanwhile.

    python -m benchmarks.graph

Ends of edges are drawn so that few nodes have many (an end of an earlier edge, half of the time).
"""

import contextlib
import multiprocessing
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import networkx

import duma
from benchmarks import served
from benchmarks.measure import Row, print_table
from duma.client import Graph

NODES, EDGES, LANDMARKS, PATHS = 200_000, 1_000_000, 5, 20_000
CONFIGURATION: dict[str, Any] = {
    "method": "graph_wo_index",
    "parameter": {"damping_factor": 0.9, "landmark_num": LANDMARKS},
}
EVERYTHING: Any = [[], []]


def random_edges() -> list[tuple[int, int]]:
    draw = random.Random(1)
    ends: list[int] = []
    for _ in range(2 * EDGES):
        ends.append(draw.choice(ends) if ends and draw.random() < 0.5 else draw.randrange(NODES))
    return list(zip(ends[::2], ends[1::2], strict=True))


def pack(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, use_bin_type=False)
    return packed


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def call(engine: Any, method: str, *arguments: Any) -> Any:
    """As a server calls: MessagePack in, MessagePack out."""
    packed = engine.methods[method].call_packed(engine, [pack(argument) for argument in arguments])
    return msgpack.unpackb(packed)


def build(engine: Any, edges: list[tuple[int, int]]) -> float:
    """The seconds that inserting the edges takes, as a server inserts them."""
    for _ in range(NODES):
        engine.create_node()
    method, node = engine.methods["create_edge"], pack("0")
    packed = [pack([{"kind": "link"}, str(source), str(target)]) for source, target in edges]
    taken = seconds(lambda: [method.call_packed(engine, [node, edge]) for edge in packed])
    register(lambda *words: call(engine, *words), edges)
    return taken


def register(ask: Callable[..., Any], edges: list[tuple[int, int]]) -> None:
    """Both indexes of everything, with the nodes that have the most edges for landmarks."""
    ask("add_centrality_query", EVERYTHING)
    ask("add_shortest_path_query", EVERYTHING)
    ends = Counter(end for edge in edges for end in edge)
    for node, _ in ends.most_common(LANDMARKS):
        ask("update_node", str(node), {})


def side_by_side(edges: list[tuple[int, int]]) -> None:
    engine, other = duma.Graph(CONFIGURATION), networkx.MultiDiGraph()
    ours = build(engine, edges)
    other.add_nodes_from(range(NODES))
    theirs = seconds(lambda: [other.add_edge(source, target, kind="link") for source, target in edges])
    compare("edges inserted", "edges/s", EDGES, ours, theirs)
    print(f"  a snapshot takes {seconds(engine.snapshot) * 1000:.1f} ms")
    engine.update_index()
    # One step of the centrality, and trees to and from each landmark.
    ours = seconds(engine.update_index)

    def by_networkx() -> None:
        with contextlib.suppress(networkx.PowerIterationFailedConvergence):
            networkx.pagerank(other, alpha=0.9, max_iter=1)
        for landmark in range(LANDMARKS):  # which ones, makes no difference to it
            networkx.single_source_shortest_path(other, landmark)
            networkx.single_target_shortest_path(other, landmark)

    title = f"indexes: a step of the centrality, {LANDMARKS} landmarks"
    compare(title, "indexes/min", 60, ours, seconds(by_networkx))
    draw = random.Random(2)
    wanted = [(draw.randrange(NODES), draw.randrange(NODES)) for _ in range(PATHS)]
    lengths: list[int] = []

    def by_landmarks() -> None:
        for source, target in wanted:
            lengths.append(
                len(call(engine, "get_shortest_path", [str(source), str(target), 1000, EVERYTHING]))
            )

    ours = seconds(by_landmarks)
    few, extra = wanted[:100], []

    def exactly() -> None:
        for (source, target), length in zip(few, lengths, strict=False):
            with contextlib.suppress(networkx.NetworkXNoPath):
                shortest = len(networkx.bidirectional_shortest_path(other, source, target))
                extra.append(length - shortest if length else None)

    theirs = seconds(exactly) * PATHS / len(few)
    compare("paths (networkx: bidirectional search, the shortest)", "paths/s", PATHS, ours, theirs)
    longer = [edges for edges in extra if edges is not None]
    print(
        f"  of {len(extra)} paths that there are, {len(longer)} lead through a landmark; those are "
        f"{sum(longer) / len(longer):.2f} edges longer than the shortest, on average"
    )


def compare(title: str, unit: str, n: int, ours: float, theirs: float) -> None:
    rows = [Row("Duma", n / ours), Row("networkx", n / theirs)]
    print_table(f"{title}, {EDGES:,} edges, {NODES:,} nodes", rows, unit, n / theirs, "networkx")


def memory() -> None:
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as process:
        ours = process.apply(_memory_of, ("duma",))
        theirs = process.apply(_memory_of, ("networkx",))
    print_table(
        "memory", [Row("Duma, with both indexes", ours), Row("networkx", theirs)], "MB", theirs, "networkx"
    )


def _memory_of(which: str) -> float:
    edges = random_edges()
    before = _resident()
    kept: Any
    if which == "duma":
        kept = duma.Graph(CONFIGURATION)
        for _ in range(NODES):
            kept.create_node()
        for source, target in edges:
            kept.create_edge("0", ({"kind": "link"}, str(source), str(target)))
        register(lambda *words: call(kept, *words), edges)
        kept.update_index()
    else:
        kept = networkx.MultiDiGraph()
        kept.add_nodes_from(range(NODES))
        for source, target in edges:
            kept.add_edge(source, target, kind="link")
    return (_resident() - before) / 1e6


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def answers_meanwhile(edges: list[tuple[int, int]]) -> None:
    """How long a client waits for answers while another one has indexes made without a pause."""
    port = served.free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        served.server_process(CONFIGURATION, Path(folder), port, engine="graph"),
    ):
        with served.connect(port) as connection:
            nodes = [_request("create_node")] * NODES
            links = [
                _request("create_edge", "0", [{"kind": "link"}, str(source), str(target)])
                for source, target in edges
            ]
            taken = seconds(lambda: served.stream(connection, nodes + links))
        print(f"\na server takes {(NODES + EDGES) / taken:,.0f} calls/s of one client that does not wait")
        with Graph("127.0.0.1", port, "", timeout=60) as client:
            register(lambda method, *arguments: getattr(client, method)(*arguments), edges)
        done = threading.Event()
        indexes: list[float] = []

        def index() -> None:
            with Graph("127.0.0.1", port, "", timeout=60) as client:
                while not done.is_set():
                    indexes.append(seconds(client.update_index))

        indexing = threading.Thread(target=index)
        indexing.start()
        with Graph("127.0.0.1", port, "", timeout=60) as client:
            for method, arguments in {
                "get_node": ("5",),
                "get_centrality": ("5", 0, EVERYTHING),
                "get_shortest_path": (["5", "77", 100, EVERYTHING],),
                "create_node": (),
            }.items():
                waits = []
                until = time.perf_counter() + 3
                while time.perf_counter() < until:
                    waits.append(seconds(lambda: getattr(client, method)(*arguments)))  # noqa: B023
                waits.sort()
                print(
                    f"  {method:<20}{waits[len(waits) // 2] * 1000:>8.2f} ms in the middle,"
                    f"{waits[-1] * 1000:>8.1f} ms at the longest, of {len(waits):,}"
                )
        done.set()
        indexing.join()
        print(f"  while {len(indexes)} indexes were made, {sum(indexes) / len(indexes):.2f} s each")


def _request(method: str, *arguments: Any) -> bytes:
    return pack([0, 1, method, ["", *arguments]])


if __name__ == "__main__":
    drawn = random_edges()
    side_by_side(drawn)
    memory()
    answers_meanwhile(drawn)
