"""`duma model` on files of engines that keep rows."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import pytest
from click.testing import CliRunner, Result
from model_making import RECORDED, loaded

from duma import Datum
from duma.commands.model import model
from duma.embedded import embedded_class
from duma.errors import ModelFileError
from duma.models.layouts import layout
from duma.store.files import DiskFiles
from duma.store.model_file import read_model

CONVERTER: dict[str, Any] = {"num_rules": [{"key": "*", "type": "num"}]}
HASH = {"hash_num": 64}
SIGNATURES = {"method": "euclid_lsh", "parameter": HASH}
LATTICES = {"hash_num": 8, "table_num": 4, "bin_width": 10, "probe_num": 8, "seed": 1}
DENSITY = {"nearest_neighbor_num": 3, "reverse_nearest_neighbor_num": 5}
RECOMMENDERS: dict[str, dict[str, Any]] = {
    "inverted_index": {},
    "inverted_index_euclid": {},
    "lsh": HASH,
    "minhash": HASH,
    "euclid_lsh": LATTICES,
    "nearest_neighbor_recommender": SIGNATURES,
}
ANOMALIES: dict[str, dict[str, Any]] = {
    "lof": {**DENSITY, "method": "inverted_index_euclid", "parameter": {}},
    "light_lof": {**DENSITY, **SIGNATURES},
}
KINDS = (
    [("nearest_neighbor", "lsh", HASH)]
    + [("recommender", method, parameter) for method, parameter in RECOMMENDERS.items()]
    + [("anomaly", method, parameter) for method, parameter in ANOMALIES.items()]
    + [
        (engine, method, {**parameter, "nearest_neighbor_num": 3})
        for engine, own in (("classifier", {"local_sensitivity": 1}), ("regression", {}))
        for method, parameter in (("NN", SIGNATURES | own), ("cosine", own))
    ]
)
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(kind[:2]))
PA: Any = ("classifier", "PA", {})
ROW_FILES = sorted(
    path
    for pattern in ("nn-*", "recommender-*", "anomaly-*", "*-cosine*", "*-euclidean*", "*-nn-*")
    for path in RECORDED.glob(pattern + ".jubatus")
)
LRU_OF_5 = {"unlearner": "lru", "unlearner_parameter": {"max_size": 5}}


def duma_model(*words: Any) -> Result:
    return CliRunner().invoke(model, [str(word) for word in words])


def config(kind: Any, **more: Any) -> dict[str, Any]:
    _, method, parameter = kind
    return {"method": method, "parameter": {**parameter, **more}, "converter": CONVERTER}


def datum(n: int) -> Datum:
    return Datum({"x": float(n % 7), "y": float(n % 5) / 2, f"z{n % 3}": 1.0 + n})


def made(kind: Any, rows: range, **more: Any) -> Any:
    """An engine with these rows. Records of classifier and regression get ids of their own."""
    engine: Any = embedded_class(kind[0])(config(kind, **more))
    for n in rows:
        if kind[0] == "nearest_neighbor":
            engine.set_row(f"r{n}", datum(n))
        elif kind[0] == "recommender":
            engine.update_row(f"r{n}", datum(n))
        elif kind[0] == "classifier":
            engine.train([("even_odd"[n % 2 * 5 :][:4], datum(n))])
        elif kind[0] == "regression":
            engine.train([(float(n), datum(n))])
        else:
            engine.overwrite(f"r{n}", datum(n))
    return engine


def answers(kind: Any, engine: Any) -> Any:
    """What the engine says of a few datums."""
    queries = [datum(n) for n in (2, 40, 61)]
    if kind[0] == "nearest_neighbor":
        return [engine.neighbor_row_from_datum(query, 4) for query in queries]
    if kind[0] == "recommender":
        return [engine.similar_row_from_datum(query, 4) for query in queries]
    if kind[0] == "classifier":
        return [sorted(each) for each in engine.classify(queries)]
    if kind[0] == "regression":
        return engine.estimate(queries)
    return sorted(engine.get_all_rows()), [engine.calc_score(query) for query in queries]


def saved(path: Path, engine: Any) -> Path:
    engine.save(path)
    return path


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def diff(a: Path, b: Path, *words: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(duma_model("diff", a, b, "--json", *words).stdout)
    return found


# --- inspect and diff ---


def test_inspecting(tmp_path: Path) -> None:
    kind = ("recommender", "lsh", HASH)
    path = saved(tmp_path / "m", made(kind, range(4)))
    found = json.loads(duma_model("inspect", path, "--json", "--top", 1).stdout)["model"]
    assert found["rows"] == 4
    assert found["parts"] == {"features": {"rows": 4, "features": 5}, "signatures": {"rows": 4, "bits": 64}}
    (row,) = found["first_rows"]
    assert row["features"] == {"x@num": 1.0, "y@num": 0.5, "z1@num": 2.0}
    assert len(row["signatures"]) == 16
    assert "# rows" in duma_model("inspect", path).output


@EVERY_KIND
def test_comparing(kind: Any, tmp_path: Path) -> None:
    a = saved(tmp_path / "a", made(kind, range(12)))
    b = saved(tmp_path / "b", made(kind, range(14)))
    assert diff(a, a)["same"]
    found = diff(a, b)
    assert not found["same"]
    assert found["model"]["rows"] == {"a": 12, "b": 14}
    if kind[0] not in ("classifier", "regression"):
        assert all(part["only_b"]["examples"] == ["r12", "r13"] for part in found["model"]["parts"])
    shown = duma_model("diff", a, b)
    assert (shown.exit_code, "only in B" in shown.output) == (1, True)


def test_comparing_with_a_tolerance(tmp_path: Path) -> None:
    kind = ("recommender", "inverted_index", {})
    paths = []
    for name, value in (("a", 1.0), ("b", 1.001)):
        engine = made(kind, range(0))
        engine.update_row("r", Datum({"x": value}))
        paths.append(saved(tmp_path / name, engine))
    assert diff(*paths)["model"]["parts"][0]["differing"] == {"count": 1, "examples": ["r"]}
    assert diff(*paths, "--tolerance", 0.01)["same"]


def test_methods_with_nothing_in_common(tmp_path: Path) -> None:
    rows = saved(
        tmp_path / "a",
        made(("classifier", "cosine", {"nearest_neighbor_num": 3, "local_sensitivity": 1}), range(4)),
    )
    weights = saved(tmp_path / "b", made(PA, range(4)))
    assert "compared as bytes: one of the methods keeps weights" in diff(rows, weights)["model_problem"]
    wanted = write(tmp_path / "c", config(PA))
    refused = duma_model("convert", rows, "--config", wanted, "-o", tmp_path / "out")
    assert (refused.exit_code, "keeps weights of features, the other one rows" in refused.output) == (2, True)


@pytest.mark.parametrize("path", ROW_FILES, ids=lambda path: path.stem)
def test_no_prefix_of_a_model_breaks_anything(path: Path) -> None:
    with read_model(DiskFiles(), path) as file, file.user_data as view:
        found, data = layout(file.engine_type, file.config_text), bytes(view)
    for length in range(0, len(data), max(1, len(data) // 25)):
        with pytest.raises(ModelFileError):
            found.details(memoryview(data[:length]), 3)
    for at in range(0, len(data), max(1, len(data) // 100)):
        # It is no error where the byte was one of a number or a name.
        with suppress(ModelFileError):
            found.details(memoryview(data[:at] + b"\xc0" + data[at + 1 :]), 3)


# --- merge ---

# Of a server of a cluster: "a" and "c" were in a MIX, since then "c" is removed and "b" has come.
IDS = [{b"a": 0, b"b": 1, b"c": 2}, {0: b"a", 1: b"b", 2: b"c"}, 3]
POSTINGS = [{b"x@num": {0: 3.0, 2: 1.0}}, {b"x@num": {1: 4.0, 2: 0.0}}]
BITS = [64, bytes(8)]
MIXED = {
    "inverted_index": [*POSTINGS, {0: 18.0, 2: 1.0}, {1: 16.0, 2: -1.0}, IDS],
    "lsh": [{b"a": BITS, b"c": BITS}, {b"b": BITS, b"c": [0, b""]}],
    "euclid_lsh": [
        {b"a": [[1, 2], BITS, 3.0], b"c": [[1, 2], BITS, 1.0]},
        {b"b": [[1, 3], BITS, 4.0], b"c": [[], [0, b""], 0.0]},
        {1: [0, 2], 2: [0, 2]},
        {1: [1], 3: [1]},
        [0.5] * 2,
        2,
        IDS,
    ],
}


@pytest.mark.parametrize("method", MIXED)
def test_rows_of_a_cluster(method: str) -> None:
    parameter = {**RECOMMENDERS[method]} | ({"table_num": 2} if method == "euclid_lsh" else {})
    found = layout("recommender", json.dumps(config(("recommender", method, parameter))))
    features = [{b"a": {0: 3.0}, b"b": {0: 4.0}}, [{b"x@num": 0}, {0: b"x@num"}, 1]]
    data = memoryview(msgpack.packb([1, [[features, MIXED[method]], []]], use_bin_type=False))
    _, index = found.details(data, 0)["parts"].values()
    assert (index["rows"], index["mixed"]) == (2, True)
    content, _ = found.merged([data], ["one"], for_cluster=False)
    merged = memoryview(b"".join(content.chunks()))
    assert "mixed" not in str(found.details(merged, 0)["parts"])
    assert found.difference(data, found, merged, 0.0, 5)["same"]
    assert found.difference(merged, found, data, 0.0, 5)["same"]
    if method == "inverted_index":  # the length is that of the row, which a MIX of two servers had doubled
        master, diff, *norms, _ = msgpack.unpackb(merged, raw=True, strict_map_key=False)[1][0][1]
        assert (master, diff, norms) == ({}, {b"x@num": {0: 3.0, 1: 4.0}}, [{}, {0: 9.0, 1: 16.0}])


@pytest.mark.parametrize("path", ROW_FILES, ids=lambda path: path.stem)
def test_merging_what_jubatus_saved_changes_nothing(path: Path, tmp_path: Path) -> None:
    done = duma_model("merge", path, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    found = diff(path, tmp_path / "out")["model"]
    own = [part for part in found["parts"] if part["part"] != "densities"]
    assert all(not part[which]["count"] for part in own for which in ("only_a", "only_b", "differing"))
    assert not found["label_counts"]
    assert not found["unlearner"]
    assert found["documents"] is None
    loaded(tmp_path / "out").save(tmp_path / "again")
    assert diff(tmp_path / "out", tmp_path / "again")["same"]


@EVERY_KIND
def test_merging_two(kind: Any, tmp_path: Path) -> None:
    paths = [saved(tmp_path / "a", made(kind, range(20))), saved(tmp_path / "b", made(kind, range(20, 40)))]
    done = duma_model("merge", *paths, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "2 models become one of 40 rows" in done.output
    merged = loaded(tmp_path / "out")
    if kind[0] == "anomaly":
        assert sorted(merged.get_all_rows()) == sorted(f"r{n}" for n in range(40))
        merged.overwrite("new", datum(3))
    else:
        assert answers(kind, merged) == answers(kind, made(kind, range(40)))


def test_the_later_of_two_versions_of_a_row(tmp_path: Path) -> None:
    kind = ("nearest_neighbor", "lsh", HASH)
    newer, older = made(kind, range(5)), made(kind, range(3))
    newer.set_row("r1", datum(30))  # at clock 5
    older.set_row("r1", datum(33))  # at clock 3
    paths = [saved(tmp_path / "newer", newer), saved(tmp_path / "older", older)]
    refused = duma_model("merge", *paths, "-o", tmp_path / "out")
    assert refused.exit_code == 1
    assert "3 rows stand in several models" in refused.output
    assert "say otherwise of 1 rows, such as r1" in refused.output
    assert duma_model("merge", *paths, "-o", tmp_path / "out", "--accept-loss").exit_code == 0
    assert answers(kind, loaded(tmp_path / "out")) == answers(kind, newer)


def test_merging_more_rows_than_there_is_room_for(tmp_path: Path) -> None:
    kind = ("recommender", "inverted_index", {})
    paths = [
        saved(tmp_path / f"m{first}", made(kind, range(first, first + 4), **LRU_OF_5)) for first in (0, 4)
    ]
    refused = duma_model("merge", *paths, "-o", tmp_path / "out")
    assert (refused.exit_code, "3 of 8 rows" in refused.output) == (1, True)
    assert duma_model("merge", *paths, "-o", tmp_path / "out", "--accept-loss").exit_code == 0
    assert sorted(loaded(tmp_path / "out").get_all_rows()) == ["r2", "r3", "r5", "r6", "r7"]


def test_rows_are_not_dealt(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", made(KINDS[0], range(3)))
    refused = duma_model("deal", path, "--servers", "127.0.0.1:9199", "-o", tmp_path)
    assert (refused.exit_code, "its hash ring" in refused.output) == (2, True)


# --- convert ---


@EVERY_KIND
def test_settings_that_only_answers_depend_on(kind: Any, tmp_path: Path) -> None:
    path = saved(tmp_path / "m", made(kind, range(20)))
    name = {"classifier": "nearest_neighbor_num", "regression": "nearest_neighbor_num"}.get(kind[0])
    if name is None:
        name = {
            "lsh": "threads",
            "euclid_lsh": "probe_num",
            "inverted_index_euclid": "ignore_orthogonal",
        }.get(kind[1], "reverse_nearest_neighbor_num" if kind[0] == "anomaly" else None)
    if name is None:
        pytest.skip("it has no such setting")
    value = True if name == "ignore_orthogonal" else 7
    wanted = write(tmp_path / "c", config(kind, **{name: value}))
    done = duma_model("convert", path, "--config", wanted, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert answers(kind, loaded(tmp_path / "out")) is not None
    found = diff(path, tmp_path / "out")
    assert (found["model"]["same"], found["same"]) == (True, False)
    if kind[1] == "lof":
        assert "reverse_nearest_neighbor_num: 5 becomes 7" in done.output


@pytest.mark.parametrize("method", RECOMMENDERS)
def test_an_unlearner_comes_shrinks_and_goes(method: str, tmp_path: Path) -> None:
    kind = ("recommender", method, RECOMMENDERS[method])
    plain, five = write(tmp_path / "c0", config(kind)), write(tmp_path / "c5", config(kind, **LRU_OF_5))
    path = saved(tmp_path / "m", made(kind, range(8)))
    refused = duma_model("convert", path, "--config", five, "-o", tmp_path / "five")
    assert (refused.exit_code, "3 of 8 rows" in refused.output) == (1, True)
    done = duma_model("convert", path, "--config", five, "-o", tmp_path / "five", "--accept-loss")
    assert done.exit_code == 0, done.output
    kept = loaded(tmp_path / "five")
    assert len(kept.get_all_rows()) == 5
    kept.update_row("new", datum(50))
    assert len(kept.get_all_rows()) == 5
    gone = duma_model("convert", tmp_path / "five", "--config", plain, "-o", tmp_path / "plain")
    assert gone.exit_code == 0, gone.output
    assert len(loaded(tmp_path / "plain").get_all_rows()) == 5


def test_what_was_made_of_datums_is_not_made_again(tmp_path: Path) -> None:
    kind = ("nearest_neighbor", "lsh", HASH)
    path = saved(tmp_path / "m", made(kind, range(3)))
    longer = write(tmp_path / "longer", config(("nearest_neighbor", "lsh", {"hash_num": 128})))
    converter = {**config(kind), "converter": {"num_rules": [{"key": "*", "type": "log"}]}}
    for wanted, why in (
        (longer, "hash_num: 64 cannot become 128"),
        (write(tmp_path / "converter", converter), "the converter is another one"),
    ):
        refused = duma_model("convert", path, "--config", wanted, "-o", tmp_path / "out", "--accept-loss")
        assert (refused.exit_code, why in refused.output) == (2, True)


def test_the_exact_methods_of_the_recommender_have_the_same_models(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", made(("recommender", "inverted_index", {}), range(10)))
    kind = ("recommender", "inverted_index_euclid", {})
    done = duma_model(
        "convert", path, "--config", write(tmp_path / "c", config(kind)), "-o", tmp_path / "out"
    )
    assert done.exit_code == 0, done.output
    assert answers(kind, loaded(tmp_path / "out")) == answers(kind, made(kind, range(10)))


def test_a_broken_model_says_where() -> None:
    table = [[b"a", b"a"], 2, [[[b""], 0], [[b""], 1]], [], 2, {}]
    data = memoryview(msgpack.packb([1, [table, []]], use_bin_type=False))
    with pytest.raises(ModelFileError, match="a row stands twice"):
        layout("nearest_neighbor", json.dumps(config(KINDS[0]))).details(data, 3)
