"""`duma model` on the files of the clustering."""

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from click.testing import CliRunner, Result

import duma
from duma.commands.model import model
from duma.embedded import embedded_class

NUM = {"key": "*", "type": "num"}
IDF = {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}
SIMPLE = {"bucket_size": 5}
COMPRESSIVE = {
    "bucket_size": 6,
    "bucket_length": 2,
    "compressed_bucket_size": 4,
    "bicriteria_base_size": 1,
    "forgetting_factor": 0.0,
    "forgetting_threshold": 0.5,
    "seed": 1,
}


def duma_model(*words: Any) -> Result:
    return CliRunner().invoke(model, [str(word) for word in words])


def config(storage: Any = SIMPLE, *, k: int = 2, **converter: Any) -> dict[str, Any]:
    return {
        "method": "kmeans",
        "parameter": {"k": k, "seed": 1},
        "compressor_method": "simple" if storage is SIMPLE else "compressive",
        "compressor_parameter": storage,
        "converter": {"num_rules": [NUM], **converter},
    }


def points(first: int, last: int) -> list[tuple[str, duma.Datum]]:
    return [(f"p{n}", duma.Datum({"x": n % 2 * 50 + n / 8, "t": f"w{n} sea"})) for n in range(first, last)]


def saved(path: Path, settings: Any, first: int, last: int) -> Path:
    made = duma.Clustering(settings)
    made.push(points(first, last))
    made.save(path)
    return path


def loaded(path: Path, settings: Any) -> Any:
    made = embedded_class("clustering")(settings)
    made.load(path)
    return made


def total_weight(made: Any) -> float:
    return float(sum(member.weight for cluster in made.get_core_members() for member in cluster))


def write(path: Path, settings: Any) -> Path:
    path.write_text(json.dumps(settings))
    return path


def tree(made: Any) -> Any:
    return msgpack.unpackb(b"".join(made.snapshot().chunks()), raw=True, strict_map_key=False)


@pytest.mark.parametrize("storage", [SIMPLE, COMPRESSIVE], ids=["simple", "compressive"])
def test_inspecting(storage: Any, tmp_path: Path) -> None:
    path = saved(tmp_path / "m", config(storage), 0, 13)
    found = json.loads(duma_model("inspect", path, "--json", "--top", 1).stdout)["model"]
    assert found["revision"] == 2
    assert storage is COMPRESSIVE or found["total_weight"] == 13
    assert found["levels"] == (None if storage is SIMPLE else [1, 0, 4])
    assert (found["points"], found["features"]) == (13 if storage is SIMPLE else 5, 1)
    assert duma_model("inspect", path).exit_code == 0


def test_comparing(tmp_path: Path) -> None:
    one, same = (saved(tmp_path / name, config(), 0, 9) for name in "ab")
    other = saved(tmp_path / "c", config(), 2, 9)
    assert duma_model("diff", one, same).exit_code == 0
    different = duma_model("diff", one, other)
    assert (different.exit_code, "p0, p1" in different.output) == (1, True)


def test_another_converter_makes_features_anew(tmp_path: Path) -> None:
    wanted = config(k=3, string_rules=[IDF])
    path = saved(tmp_path / "m", config(), 0, 7)
    done = duma_model("convert", path, "--config", write(tmp_path / "c", wanted), "-o", tmp_path / "out")
    assert (done.exit_code, done.stderr) == (0, "")
    pushed = duma.Clustering(wanted)
    for point in points(0, 7):
        pushed.push([point])
    assert tree(loaded(tmp_path / "out", wanted)) == tree(pushed)


def test_another_storage(tmp_path: Path) -> None:
    simple, coresets = config(), config(COMPRESSIVE)
    path = saved(tmp_path / "m", simple, 0, 20)
    words = ["convert", path, "--config", write(tmp_path / "c", coresets), "-o", tmp_path / "out"]
    assert duma_model(*words).exit_code == 0
    made = loaded(tmp_path / "out", coresets)
    assert sum(map(len, made.get_core_members())) == 20
    made.push(points(20, 21))
    assert sum(map(len, made.get_core_members())) == 4
    back = ["convert", tmp_path / "out", "--config", write(tmp_path / "c", simple), "-o", tmp_path / "back"]
    assert duma_model(*back).exit_code == 0
    assert tree(loaded(tmp_path / "back", simple)) == tree(loaded(path, simple))


@pytest.mark.parametrize("storage", [SIMPLE, COMPRESSIVE], ids=["simple", "compressive"])
def test_several_become_one(storage: Any, tmp_path: Path) -> None:
    paths = [saved(tmp_path / str(n), config(storage), 10 * n, 10 * n + 10) for n in range(2)]
    assert duma_model("merge", *paths, "-o", tmp_path / "out").exit_code == 0
    merged = loaded(tmp_path / "out", config(storage))
    assert total_weight(merged) == sum(total_weight(loaded(path, config(storage))) for path in paths)
    merged.push(points(20, 40))
    dealt = duma_model("deal", *paths, "-o", tmp_path, "--servers", "127.0.0.1:9199", "--id", "all")
    assert (dealt.exit_code, "belongs to one server" in dealt.output) == (2, True)
