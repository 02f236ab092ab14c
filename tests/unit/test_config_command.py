"""`duma config`: configurations that servers take, and everything that is wrong with one."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from server_process import run

from duma.commands.config import config
from duma.commands.default_configurations import DEFAULT_CONFIGURATIONS
from duma.commands.json_positions import positions
from duma.engines.configuration_check import misfits
from duma.engines.registry import ENGINES, engine_class

EVERY_ENGINE = pytest.mark.parametrize("engine", ENGINES)


def methods(engine: str) -> list[str]:
    form = engine_class(engine).configuration_form
    choices = form.choices if form else ()
    return [name for choice in choices if choice.selector == "method" for name in choice.ways]


EVERY_METHOD = [
    pytest.param(engine, name, id=f"{engine}.{name}") for engine in ENGINES for name in methods(engine)
]


def duma_config(*words: Any) -> Result:
    return CliRunner().invoke(config, [str(word) for word in words])


def write(path: Path, configuration: Any) -> Path:
    path.write_text(configuration if isinstance(configuration, str) else json.dumps(configuration, indent=2))
    return path


# --- new ---


@EVERY_ENGINE
def test_a_new_configuration_is_taken_by_the_server_and_recognised(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "new.json"
    done = duma_config("new", engine, "-o", path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"duma serve {engine} --config {path}" in done.stderr
    assert json.loads(path.read_text()) == DEFAULT_CONFIGURATIONS[engine]
    server = run(tmp_path, "-T", "-f", str(path), command=f"juba{engine}")
    assert (server.wait(), server.errors) == (0, "Configuration OK\n")
    done = duma_config("check", path)
    fitting = [other for other, misfit in misfits(path.read_text()).items() if misfit == (0, 0)]
    if len(fitting) > 1:  # methods and parameters that several engines have
        assert f"may be for {', '.join(fitting)}: say which with --engine" in done.stderr
        done = duma_config("check", path, "--engine", engine)
    assert (done.exit_code, done.stdout) == (0, f"{path}: a server {engine} takes it\n")


@pytest.mark.parametrize(("engine", "method"), EVERY_METHOD)
def test_every_method_has_a_new_configuration(engine: str, method: str) -> None:
    done = duma_config("new", engine, "--method", method)
    assert done.exit_code == 0
    made = json.loads(done.stdout)
    assert made["method"] == method
    assert json.loads(engine_class(engine)(made).get_config()) == made
    for name in made["parameter"]:
        assert f".parameter.{name}" in done.stderr
    assert duma_config("new", engine, "--method", method, "-q").stderr == ""


def test_other_names_of_methods() -> None:
    made = json.loads(duma_config("new", "classifier", "--method", "arow").stdout)
    assert made == DEFAULT_CONFIGURATIONS["classifier"]


def test_what_is_left_out_is_explained() -> None:
    explanation = duma_config("new", "classifier").stderr
    assert ".parameter.regularization_weight: a number, 0.0 < regularization_weight; larger:" in explanation
    assert ".parameter.unlearner (left out): lru, random" in explanation


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["classifier", "--method", "ARROW"],
            "unsupported method (classifier(ARROW)): choose one of perceptron, PA",
        ),
        (["weight", "--method", "PA"], "weight declares no methods to choose from"),
        (["nonsense"], "'nonsense' is not one of"),
        (["weight", "-o", "missing/new.json"], "cannot write missing/new.json: No such file or directory"),
    ],
)
def test_what_cannot_be_written(
    words: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = duma_config("new", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert text in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    path = write(tmp_path / "new.json", "mine")
    done = duma_config("new", "weight", "-o", path)
    assert (done.exit_code, path.read_text()) == (2, "mine")
    assert "say --force to replace it" in done.stderr
    assert duma_config("new", "weight", "-o", path, "--force").exit_code == 0
    assert json.loads(path.read_text()) == DEFAULT_CONFIGURATIONS["weight"]


# --- check ---

WRONG = """{
  "method": "AROW",
  "parameter": {"regularization_wieght": 1.0},
  "converter": {
    "num_rules": [
      {"key": "*", "type": "num"},
      {"key": "*", "type": "number"}
    ]
  }
}
"""


def test_every_problem_is_said_with_its_line_and_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", WRONG)
    done = duma_config("check", path, "--engine", "classifier")
    assert done.exit_code == 1
    assert (
        done.stdout
        == f"""\
{path}:3:17: "regularization_wieght" is not used (.parameter)
    remove it, or is it "regularization_weight"?
{path}:3:3: "regularization_weight" is not found (.parameter)
    add "regularization_weight": a number, such as 1.0 (larger: one record changes the model more)
{path}:7:7: unknown type: [number] in num_rules (.converter.num_rules[1])
    declare it in num_types, or choose one of num, log, str
{path}: problems for classifier: 3
"""
    )
    found = json.loads(duma_config("check", path, "--engine", "classifier", "--json").stdout)
    assert (found["valid"], found["engine"]) == (False, "classifier")
    assert [(p["path"], p["line"], p["column"]) for p in found["problems"]] == [
        (".parameter.regularization_wieght", 3, 17),
        (".parameter.regularization_weight", 3, 3),
        (".converter.num_rules[1]", 7, 7),
    ]


def test_the_engine_is_the_one_that_nearly_fits(tmp_path: Path) -> None:
    found = json.loads(duma_config("check", write(tmp_path / "c.json", WRONG), "--json").stdout)
    assert (found["valid"], found["engine"]) == (False, "classifier")


@pytest.mark.parametrize(
    "text", ['{"method": "PA",}', "", "method = PA", '{"a": 99999999999999999999}', "[]", "5"]
)
def test_what_is_not_json_is_none_for_any_engine(text: str, tmp_path: Path) -> None:
    done = duma_config("check", write(tmp_path / "c.json", text))
    assert done.exit_code == 1
    assert done.stdout.endswith("c.json: problems: 1\n")


def test_the_engine_must_be_said_where_several_could_be_meant(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"converter": {"num_rules": 1}, "method": "NEW", "parameter": {}})
    done = duma_config("check", path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "say which with --engine" in done.stderr


def test_text_that_is_not_utf_8_is_shown_escaped(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(b'{"method": "P\xff", "parameter": {}, "converter": {}, "\xfe": "\\ud83d"}')
    done = duma_config("check", path, "--engine", "classifier")
    assert done.exit_code == 1
    assert "unsupported method (classifier(P\\udcff))" in done.stdout
    assert json.loads(duma_config("check", path, "--engine", "classifier", "--json").stdout)["problems"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    done = duma_config("check", tmp_path / "missing.json")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "No such file or directory" in done.stderr


# --- positions ---

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.sampled_from([None, 2]))
def test_positions_are_where_the_values_are(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    where = positions(text)
    lines = text.splitlines(keepends=True) or [""]

    def check(item: Any, path: str, name: str | None) -> None:
        line, column = where[path]
        rest = lines[line - 1][column - 1 :] + "".join(lines[line:])
        if name is not None:
            assert json.JSONDecoder().raw_decode(rest)[0] == name
        else:
            assert json.JSONDecoder().raw_decode(rest)[0] == item
        children = (
            item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        )
        for key, child in children:
            is_member = isinstance(item, dict)
            check(child, f"{path}.{key}" if is_member else f"{path}[{key}]", key if is_member else None)

    check(value, "", None)
