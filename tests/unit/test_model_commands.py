"""`duma model inspect`, `diff` and `convert`, through the command."""

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from model_making import (
    RECORDED,
    RECORDS,
    Bytes,
    config,
    contents,
    loaded,
    made,
    saved,
    scores,
    trained,
    written,
)
from server_process import COMMANDS

import duma
from duma.commands.model import model
from duma.store.files import DiskFiles
from duma.store.model_file import read_model, write_model

EVERY_RECORDED = pytest.mark.parametrize(
    "path", sorted(RECORDED.glob("*.jubatus")), ids=lambda path: path.stem
)


def duma_model(*words: Any) -> Result:
    return CliRunner().invoke(model, [str(word) for word in words])


def inspected(path: Path, *words: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(duma_model("inspect", path, "--json", *words).stdout)
    return found


def write(path: Path, configuration: Any) -> Path:
    path.write_text(json.dumps(configuration))
    return path


# --- inspect ---


def check_rows(content: dict[str, Any], engine: str, model: Any) -> None:
    """What is shown of a model with rows is what the engine itself says."""
    rows = [row["row"] for row in content["first_rows"]]
    assert len(rows) == content["rows"] > 0
    if engine in ("nearest_neighbor", "recommender", "anomaly"):
        assert sorted(rows) == sorted(model.get_all_rows())
    if engine == "classifier":
        assert content["label_counts"] == model.get_labels()
    if content["unlearner"] is not None:
        assert set(content["unlearner"]) == set(rows)


@EVERY_RECORDED
def test_inspecting_what_jubatus_saved(path: Path) -> None:
    found = inspected(path, "--top", 1000)
    model = loaded(path)
    prefix = path.stem.partition("-")[0]
    engine = {"convert": "classifier", "nn": "nearest_neighbor"}.get(prefix, prefix)
    assert found["sound"]
    assert found["header"]["version"] == "1.1.1"
    assert found["header"]["user_data_size"] + found["header"]["system_data_size"] + 48 == path.stat().st_size
    assert (found["system"]["engine"], found["system"]["id"]) == (engine, "t1")
    assert json.loads(model.get_config()) == found["configuration"]
    content = found["model"]
    assert content is not None, found["model_problem"]
    if engine == "graph":
        counts = [str(content[name]) for name in ("nodes", "global_nodes", "edges")]
        assert counts == list(model.status().values())
        return
    if engine == "weight":
        assert str(content["document_frequencies"]) == model.status()["diff_num_document_frequencies"]
        return
    if "parts" in content:
        check_rows(content, engine, model)
        return
    if engine not in ("classifier", "regression"):
        return
    assert str(content["features"]) == model.status()["num_features"]
    trained_labels = {label["label"]: label["trained"] for label in content["labels"]}
    assert trained_labels == (model.get_labels() if engine == "classifier" else {"+": None})
    for label in content["labels"]:
        sizes = [abs(feature["weight"]) for feature in label["largest"]]
        assert len(sizes) == label["features"]
        assert sizes == sorted(sizes, reverse=True)


def test_the_largest_features_explain_a_score(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", config("PA"))
    largest = {
        label["label"]: {feature["feature"]: feature["weight"] for feature in label["largest"]}
        for label in inspected(path)["model"]["labels"]
    }
    for label, score in scores(loaded(path)).items():
        weights = largest[label]
        by_hand = weights.get("text$buy@space#bin/bin", 0) + weights.get("text$you@space#bin/bin", 0)
        assert score == pytest.approx(by_hand + 1.5 * weights["n@num"])
    few = inspected(path, "--top", 1)["model"]["labels"]
    assert [len(label["largest"]) for label in few] == [1, 1]
    assert not any(label["largest"] for label in inspected(path, "--top", 0)["model"]["labels"])


def test_plain_output_has_a_line_for_each_fact(tmp_path: Path) -> None:
    path = saved(tmp_path / "m.jubatus", config(unlearner="lru", unlearner_parameter={"max_size": 5}))
    result = duma_model("inspect", path)
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert f"# {path}" in lines
    assert {"engine\tclassifier", "id\tm", "method\tAROW", 'unlearner\t["ham", "spam"]'} <= set(lines)
    assert "label\tid\ttrained\tfeatures" in lines
    assert any(line.startswith("spam\tn@num\t0.") for line in lines)


def test_names_that_are_no_text_do_not_break_lines(tmp_path: Path) -> None:
    rows = {b"tab\there\xff@num": {0: (1.0, 1.0)}}
    path = written(tmp_path / "m", made(rows, labels={b"line\nbreak": 0}))
    assert "line\\nbreak\ttab\\there\\xff@num\t1\t1" in duma_model("inspect", path).stdout.splitlines()
    (label,) = inspected(path)["model"]["labels"]
    assert (label["label"], label["largest"][0]["feature"]) == ("line\nbreak", "tab\there\\xff@num")


def test_weights_that_are_not_finite_are_null_in_json(tmp_path: Path) -> None:
    path = written(tmp_path / "m", made({b"a@num": {0: (float("nan"), float("inf"))}}, labels={b"x": 0}))
    (feature,) = inspected(path)["model"]["labels"][0]["largest"]
    assert (feature["weight"], feature["covariance"]) == (None, None)


@pytest.mark.parametrize(
    ("change", "problem", "shows"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "invalid crc32 checksum: ", {"header", "system"}),
        (lambda data: data[:-3], "cannot read input file", {"header", "system"}),
        (lambda data: data[:60], "cannot read input file", {"header"}),
        (lambda data: data[:20], "cannot read input file", set()),
        (lambda data: data[:0], "cannot read input file", set()),
        (lambda data: b"x" + data[1:], "invalid file format", set()),
        (lambda data: data[:15] + b"\2" + data[16:], "invalid format version: 2", {"header", "system"}),
        (
            lambda data: data[:19] + b"\0\0\0\0\x09" + data[24:],
            "cannot load model file created before v1.0.0: 0.9.1",
            {"header", "system"},
        ),
    ],
)
def test_damaged_files_are_shown_as_far_as_they_go(
    tmp_path: Path, change: Any, problem: str, shows: set[str]
) -> None:
    path = saved(tmp_path / "m", config())
    path.write_bytes(change(path.read_bytes()))
    result = duma_model("inspect", path, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert not found["sound"]
    assert found["problem"].startswith(problem)
    assert {part for part in ("header", "system") if found[part]} == shows
    result = duma_model("inspect", path)
    assert result.exit_code == 1
    assert f"sound\tno: {problem}" in result.stdout
    assert duma_model("diff", path, path).exit_code == 2
    assert problem in duma_model("convert", path, "-o", tmp_path / "out").stderr


def test_a_sound_container_with_a_broken_model(tmp_path: Path) -> None:
    path = written(
        tmp_path / "m", b"\x92\x01\x92\x92\x94\x81\xa1f\x05\x93\x80\x80\x00\x80\x91\x00\x93\x80\x80\x90\x90"
    )
    result = duma_model("inspect", path)
    assert result.exit_code == 1
    assert "sound\tyes" in result.stdout
    assert "model\tnot shown: user data is broken: the row of b'f' is not a map" in result.stdout


def test_a_model_that_no_server_loads_is_not_converted(tmp_path: Path) -> None:
    path = written(tmp_path / "m", made({b"f": {7: (1.0, 1.0)}}, labels={b"x": 0}))
    for command in ("convert", "merge"):
        result = duma_model(command, path, "-o", tmp_path / "out")
        assert result.exit_code == 2
        assert f"{path} cannot be loaded: user data is broken: weights of a label" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("engine_type", "configuration", "why"),
    [
        ("dreamer", {"window_size": 5}, "models of the engine 'dreamer' cannot be looked into"),
        ("classifier", {"method": "nonsense", "converter": {}}, "unsupported method (classifier(nonsense))"),
    ],
)
def test_models_of_other_engines_show_their_header(
    tmp_path: Path, engine_type: str, configuration: Any, why: str
) -> None:
    path = written(tmp_path / "m", b"\x92\x01\x90", configuration, engine_type)
    result = duma_model("inspect", path, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (found["sound"], found["model"], found["configuration"]) == (True, None, configuration)
    assert found["model_problem"].startswith(why)
    same = written(tmp_path / "same", b"\x92\x01\x90", configuration, engine_type)
    other = written(tmp_path / "other", b"\x92\x01\x91\x01", configuration, engine_type)
    assert (duma_model("diff", path, same).exit_code, duma_model("diff", path, other).exit_code) == (0, 1)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for words in (["inspect"], ["diff", tmp_path / "b"], ["convert", "-o", tmp_path / "out"]):
        result = duma_model(words[0], tmp_path / "a", *words[1:])
        assert result.exit_code == 2
        assert str(tmp_path / "a") in result.stderr
        assert "No such file" in result.stderr


# --- diff ---


def test_two_saves_of_one_model_are_the_same(tmp_path: Path) -> None:
    model = trained(config())
    model.save(tmp_path / "a")
    model.save(tmp_path / "b")
    result = duma_model("diff", tmp_path / "a", tmp_path / "b")
    assert result.exit_code == 0
    assert result.stdout.endswith("the models are the same\n")
    assert "id\ta\tb" in result.stdout.splitlines()


def test_labels_are_compared_by_name(tmp_path: Path) -> None:
    cells = (0.5, 1.0), (-0.5, 1.0)
    a = made({b"f": dict(enumerate(cells))}, labels={b"x": 0, b"y": 1})
    b = made({b"f": {3: cells[1], 7: cells[0]}}, labels={b"y": 3, b"x": 7})
    words = written(tmp_path / "a", a), written(tmp_path / "b", b)
    assert duma_model("diff", *words).exit_code == 0


def test_what_differs_is_named(tmp_path: Path) -> None:
    a = saved(tmp_path / "a", config())
    records = [*RECORDS, ("news", {"text": "today", "n": -1.0}), ("ham", {"text": "see this", "n": 9.0})]
    b = saved(tmp_path / "b", config(regularization_weight=0.5), records)
    result = duma_model("diff", a, b, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["configuration"] == [{"path": ".parameter.regularization_weight", "a": 1.0, "b": 0.5}]
    content = found["model"]
    assert content["labels"] == {"only_a": [], "only_b": ["news"]}
    assert content["label_counts"] == [
        {"label": "ham", "a": 1, "b": 2},
        {"label": "news", "a": None, "b": 1},
    ]
    assert content["features"]["only_a"]["count"] == 0
    assert content["features"]["only_b"]["examples"] == ["text$today@space#bin/bin"]
    differences = [abs(row["a"] - row["b"]) for row in content["weights"]["largest"]]
    assert differences == sorted(differences, reverse=True)
    assert content["weights"]["differing"] >= len(differences) > 0
    text = duma_model("diff", a, b).stdout
    assert ".parameter.regularization_weight\t1\t0.5" in text
    assert text.endswith("the models differ\n")


def test_differences_within_a_tolerance_do_not_count(tmp_path: Path) -> None:
    paths = [
        written(tmp_path / name, made({b"f": {0: (weight, 1.0)}}, labels={b"x": 0}))
        for name, weight in (("a", 0.5), ("b", 0.5001))
    ]
    assert duma_model("diff", *paths).exit_code == 1
    assert duma_model("diff", *paths, "--tolerance", "1e-3").exit_code == 0


def test_other_counts_of_documents_differ(tmp_path: Path) -> None:
    converter = {
        "string_rules": [{"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}]
    }
    a = saved(tmp_path / "a", config(converter=converter), RECORDS[:1])
    model = loaded(a)
    model.train([("spam", duma.Datum({}))])
    model.save(tmp_path / "b")
    found = json.loads(duma_model("diff", a, tmp_path / "b", "--json").stdout)
    assert found["model"]["documents"] == {"a": 1, "b": 2, "differing_frequencies": 0}
    assert not found["same"]


# --- convert ---


@EVERY_RECORDED
def test_converting_to_the_own_configuration_changes_nothing(path: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    result = duma_model("convert", path, "-o", output)
    assert (result.exit_code, result.stderr) == (0, "")
    assert duma_model("diff", path, output).exit_code == 0
    with read_model(DiskFiles(), path) as old, read_model(DiskFiles(), output) as new:
        assert old.user_data == new.user_data
        assert (new.model_id, new.config_text) == (old.model_id, old.config_text)


def test_files_of_older_versions_get_the_current_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", config())
    with read_model(DiskFiles(), path) as file, file.user_data as data:
        data_bytes = bytes(data)
    write_model(
        DiskFiles(),
        tmp_path / "old",
        engine_type="classifier",
        model_id="m",
        config_text=json.dumps(config()),
        timestamp=1,
        snapshot=Bytes(data_bytes),
        version=(1, 0, 0),
    )
    assert inspected(tmp_path / "old")["header"]["version"] == "1.0.0"
    assert duma_model("convert", tmp_path / "old", "-o", tmp_path / "new").exit_code == 0
    assert inspected(tmp_path / "new")["header"]["version"] == "1.1.1"


def converted(tmp_path: Path, old: Any, new: Any, *words: Any, records: Any = RECORDS) -> tuple[Result, Path]:
    """The outcome of converting a model that learned the records, and the file that may be there."""
    path, output = saved(tmp_path / "in", old, records), tmp_path / "out"
    return duma_model(
        "convert", path, "--config", write(tmp_path / "new.json", new), "-o", output, *words
    ), output


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (config("AROW"), config("AROW", regularization_weight=0.25)),
        (config("AROW"), config("CW")),
        (config("NHERD"), config("PA1")),
        (config("PA"), config("arow")),
        (config("perceptron"), config("PA2")),
        (config("AROW"), config("AROW", unlearner="random", unlearner_parameter={"max_size": 2})),
        (config("AROW", unlearner="lru", unlearner_parameter={"max_size": 2}), config("AROW")),
    ],
)
def test_other_parameters_and_methods_keep_the_weights(tmp_path: Path, old: Any, new: Any) -> None:
    result, output = converted(tmp_path, old, new)
    assert result.exit_code == 0, result.output
    assert "changed: " in result.stdout
    model = loaded(output)
    assert json.loads(model.get_config()) == new
    assert scores(model) == scores(trained(old))
    assert model.get_labels() == {"ham": 1, "spam": 2}


def test_covariance_comes_as_one_and_lets_the_model_learn_on(tmp_path: Path) -> None:
    result, output = converted(tmp_path, config("PA"), config("AROW"))
    assert "covariances, which PA does not have, are 1" in result.stdout
    rows = contents(output).rows
    assert {covariance for cells in rows.values() for _, covariance in cells.values()} == {1.0}
    model = loaded(output)
    before = scores(model)
    model.train([("ham", duma.Datum({"text": "buy you", "n": 1.5}))] * 3)
    assert scores(model)["ham"] > before["ham"]


def test_covariance_goes(tmp_path: Path) -> None:
    result, output = converted(tmp_path, config("AROW"), config("PA"))
    assert "covariances, which PA does not have, are dropped" in result.stdout
    rows = contents(output).rows
    assert {covariance for cells in rows.values() for _, covariance in cells.values()} == {0.0}


def test_covariance_of_unmixed_differences(tmp_path: Path) -> None:
    """Mixed and unmixed cells are added: the sum must be 1."""
    model = made(
        {b"a": {0: (1.0, 0.0)}}, unmixed={b"a": {0: (0.5, 0.0)}, b"b": {0: (2.0, 0.0)}}, labels={b"x": 0}
    )
    path = written(tmp_path / "in", model, config("PA"))
    result = duma_model("convert", path, "--config", write(tmp_path / "c", config()), "-o", tmp_path / "out")
    assert result.exit_code == 0
    output = contents(tmp_path / "out")
    assert output.rows == {b"a": {0: (1.0, 1.0)}}
    assert output.unmixed == {b"a": {0: (0.5, 0.0)}, b"b": {0: (2.0, 1.0)}}


MANY = [(label, {"n": float(i + 1)}) for i, label in enumerate("abcd")]


def test_an_unlearner_knows_the_labels_in_the_order_of_their_ids(tmp_path: Path) -> None:
    new = config(unlearner="lru", unlearner_parameter={"max_size": 4})
    _, output = converted(tmp_path, config(), new, records=MANY)
    model = loaded(output)
    model.train([("e", duma.Datum({"n": 9.0}))])
    assert sorted(model.get_labels()) == ["b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("unlearner", "kept"),
    [
        ({"unlearner": "lru", "unlearner_parameter": {"max_size": 2}}, "cd"),
        ({"unlearner": "random", "unlearner_parameter": {"max_size": 2}}, "cd"),
        ({"unlearner": "lru", "unlearner_parameter": {"max_size": 2, "sticky_pattern": "a"}}, "ad"),
        ({"unlearner": "lru", "unlearner_parameter": {"max_size": 2, "sticky_pattern": "*"}}, "ab"),
    ],
)
@pytest.mark.parametrize("before", [{}, {"unlearner": "lru", "unlearner_parameter": {"max_size": 9}}])
def test_labels_without_room_are_lost(tmp_path: Path, before: Any, unlearner: Any, kept: str) -> None:
    result, output = converted(tmp_path, config(**before), config(**unlearner), records=MANY)
    assert result.exit_code == 1
    assert "lost: 2 labels with their weights, as the unlearner's max_size is 2: " in result.stdout
    assert not output.exists()
    result, output = converted(tmp_path, config(**before), config(**unlearner), "--accept-loss", records=MANY)
    assert result.exit_code == 0
    model = loaded(output)
    assert "".join(sorted(model.get_labels())) == kept
    assert "".join(sorted(scores(model))) == kept
    assert {label for cells in contents(output).rows.values() for label in cells} <= {
        "abcd".index(c) for c in kept
    }


LOSING = {"num_rules": [{"key": "*", "type": "num"}, {"key": "*", "type": "log"}]}


def test_a_loss_must_be_accepted(tmp_path: Path) -> None:
    result, output = converted(tmp_path, config(), config(converter=LOSING))
    assert result.exit_code == 1
    assert "lost: 5 of 6 features (" in result.stdout
    assert "no rule of the new converter gives their names" in result.stdout
    assert result.stderr == "nothing is written: say --accept-loss to go on without what is lost\n"
    assert not output.exists()

    result, output = converted(tmp_path, config(), config(converter=LOSING), "--accept-loss", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["written"] == [str(output)]
    assert (report["features"]["kept"], report["features"]["lost"]) == (1, 5)
    assert report["features"]["lost_by_suffix"] == {"@space#bin/bin": 5}
    assert contents(output).rows.keys() == {b"n@num"}
    assert scores(loaded(output), {"n": 2.0}) == scores(trained(config()), {"n": 2.0})


def test_document_frequencies_go_with_their_names(tmp_path: Path) -> None:
    def rule(weight: str) -> dict[str, str]:
        return {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": weight}

    old = {"string_rules": [rule("idf"), rule("bm25")]}
    result, output = converted(
        tmp_path, config(converter=old), config(converter={"string_rules": [rule("bm25")]})
    )
    assert result.exit_code == 1
    assert "lost: 5 of 10 document frequencies" in result.stdout
    duma_model("convert", tmp_path / "in", "--config", tmp_path / "new.json", "-o", output, "--accept-loss")
    kept = contents(output).weights.diff
    assert kept.documents == 3
    assert all(name.endswith(b"#tf/bm25") for name in kept.frequencies)
    assert len(kept.frequencies) == 5
    assert kept.group_frequencies.keys() == kept.group_lengths.keys() == {b"text@space#tf/bm25"}


def test_outputs_are_never_inputs_and_replaced_only_by_force(tmp_path: Path) -> None:
    path = saved(tmp_path / "in", config())
    before = path.read_bytes()
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "hard").hardlink_to(path)
    for output in (path, tmp_path / "link", tmp_path / "hard"):
        result = duma_model("convert", path, "-o", output, "--force")
        assert result.exit_code == 2
        assert f"{output} is an input" in result.stderr
    assert path.read_bytes() == before
    other = saved(tmp_path / "other", config("PA"))
    result = duma_model("convert", path, "-o", other)
    assert result.exit_code == 2
    assert f"{other} exists: choose another name, or say --force to replace it" in result.stderr
    assert duma_model("convert", path, "-o", other, "--force", "--id", "new").exit_code == 0
    assert inspected(other)["system"]["id"] == "new"
    assert duma_model("diff", path, other).exit_code == 0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "syntax error in configuration"),
        ('{"method": "nonsense", "converter": {}}', "unsupported method (classifier(nonsense))"),
        (
            json.dumps(config(converter={"num_rules": [{"key": "*", "type": "x"}]})),
            "unknown type: [x] in num_rules",
        ),
    ],
)
def test_configurations_that_cannot_be_used(tmp_path: Path, text: str, problem: str) -> None:
    path = saved(tmp_path / "in", config())
    (tmp_path / "c.json").write_text(text)
    result = duma_model("convert", path, "--config", tmp_path / "c.json", "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert problem in result.stderr
    assert str(tmp_path / "c.json") in result.stderr
    assert not (tmp_path / "out").exists()


def test_nowhere_to_write(tmp_path: Path) -> None:
    result = duma_model("convert", saved(tmp_path / "in", config()), "-o", tmp_path / "no" / "out")
    assert result.exit_code == 2
    assert "cannot write output file: " in result.stderr


# --- as a process ---


def test_the_command_itself(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", config())
    words = [str(COMMANDS / "duma"), "model", "inspect", str(path), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["model"]["features"] == 6
    done = subprocess.run(
        [*words[:2], "diff", str(path), str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("the models are the same\n")


def test_tables_on_a_terminal(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", config())
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [COMMANDS / "duma", "model", "inspect", str(path)],
        stdout=follower,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    )
    os.close(follower)
    shown = b""
    while b"text$you" not in shown:
        shown += os.read(leader, 1 << 16)
    process.wait()
    os.close(leader)
    assert "│".encode() in shown
    assert b"[/" not in shown
