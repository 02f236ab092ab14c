"""Times that an engine keeps in its model are the same after every replay."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgpack
from lives import lives

import duma

CONFIG = {"window_size": 50}


def test_times_survive_a_crash(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always", engine="stat", config=CONFIG) as server:
        trees = []
        client = server.start()
        for n in range(60):
            client.call("push", f"k{n % 3}", n / 7)
        for _ in range(2):
            client.call("save", "m")
            trees.append(tree(server.model("m"), client.call("get_config")))
            server.kill()
            client = server.start()
    assert trees[0] == trees[1]
    times = [time for time, _ in trees[0][1][1]]
    assert len(times) == 50
    assert all(a <= b for a, b in pairwise(times))
    assert times[0] > 1_600_000_000


def tree(path: Path, config: str) -> Any:
    model: Any = duma.Stat(config)
    model.load(path)
    return msgpack.unpackb(b"".join(model.snapshot().chunks()))
