"""`duma model` on the files of the stat engine."""

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from click.testing import CliRunner, Result

import duma
from duma.commands.model import model
from duma.embedded import embedded_class


def duma_model(*words: Any) -> Result:
    return CliRunner().invoke(model, [str(word) for word in words])


def inspected(path: Path) -> Any:
    return json.loads(duma_model("inspect", path, "--json").stdout)["model"]


def saved(path: Path, made: Any) -> Path:
    made.save(path)
    return path


def write(path: Path, config: Any) -> Path:
    path.write_text(json.dumps(config))
    return path


def loaded(path: Path, engine: str, config: Any) -> Any:
    made: Any = embedded_class(engine)(config)
    made.load(path)
    return made


def tree(made: Any) -> Any:
    return msgpack.unpackb(b"".join(made.snapshot().chunks()), strict_map_key=False)


# --- stat ---


def stat(window_size: int, *pairs: tuple[str, float], time: int = 1_700_000_000) -> Any:
    made = duma.Stat({"window_size": window_size})
    for second, (key, value) in enumerate(pairs):
        made.clock = lambda second=second: (time + second) * 10**9
        made.push(key, value)
    return made


PAIRS = (("a", 1.0), ("b", 2.5), ("a", -1.0), ("c", 4.0))


def test_inspecting_numbers(tmp_path: Path) -> None:
    found = inspected(saved(tmp_path / "m", stat(3, *PAIRS)))
    assert (found["window_size"], found["numbers"], found["keys"]) == (3, 3, 3)
    assert (found["oldest"], found["newest"]) == (1_700_000_001, 1_700_000_003)
    assert found["most_numbers"]["b"] == {"n": 1, "sum": 2.5, "squares": 6.25, "max": 2.5, "min": 2.5}


def test_differences_of_numbers(tmp_path: Path) -> None:
    a = saved(tmp_path / "a", stat(3, *PAIRS))
    b = saved(tmp_path / "b", stat(3, *PAIRS, time=0))
    c = saved(tmp_path / "c", stat(3, *PAIRS, ("a", 9.0)))
    assert duma_model("diff", a, b).exit_code == 0
    different = duma_model("diff", a, c)
    assert different.exit_code == 1
    assert 'differing keys\t{"count": 2, "examples": ["a", "b"]}' in different.output


@pytest.mark.parametrize("size", [2, 10])
def test_numbers_in_another_window(size: int, tmp_path: Path) -> None:
    path, config = saved(tmp_path / "m", stat(4, *PAIRS)), {"window_size": size}
    words = ["convert", path, "--config", write(tmp_path / "c", config), "-o", tmp_path / "out"]
    assert duma_model(*words).exit_code == (1 if size == 2 else 0)
    if size == 2:
        assert duma_model(*words, "--accept-loss").exit_code == 0
    made, expected = loaded(tmp_path / "out", "stat", config), stat(size, *PAIRS)
    assert tree(made)[1][:2] == tree(expected)[1][:2]
    assert (made.sum("a"), made.moment("a", 2, 0.0)) == (expected.sum("a"), expected.moment("a", 2, 0.0))


def test_numbers_of_several_servers_become_one(tmp_path: Path) -> None:
    paths = [saved(tmp_path / "a", stat(3, *PAIRS[:2])), saved(tmp_path / "b", stat(3, *PAIRS[2:], time=0))]
    refused = duma_model("merge", *paths, "-o", tmp_path / "out")
    assert refused.exit_code == 1
    assert "the 1 oldest of 4 numbers" in refused.output
    assert duma_model("merge", *paths, "-o", tmp_path / "out", "--accept-loss").exit_code == 0
    window = tree(loaded(tmp_path / "out", "stat", {"window_size": 3}))[1][1]
    assert [pair for _, pair in window] == [["c", 4.0], ["a", 1.0], ["b", 2.5]]
    dealt = duma_model("deal", *paths, "-o", tmp_path, "--servers", "127.0.0.1:9199", "--id", "all")
    assert (dealt.exit_code, "cannot be dealt" in dealt.output) == (2, True)
