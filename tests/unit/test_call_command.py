"""`duma call`: words to arguments for every method of every engine, and answers to tables and JSON."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from server_process import Server, free_port

from duma.commands.call import call
from duma.commands.call_arguments import ArgumentProblem, read_arguments
from duma.commands.call_output import print_answer, to_json
from duma.engines.classifier import Classifier, LabeledDatum
from duma.engines.datum import Datum
from duma.engines.description import methods_of
from duma.engines.registry import ENGINES
from duma.engines.wire_types import Kind, WireType, wire_type

TRAIN, CLASSIFY = Classifier.methods["train"], Classifier.methods["classify"]

# --- arguments ---


def arguments(method: Any, *words: str) -> list[Any]:
    return read_arguments(method, words, lambda: pytest.fail("standard input is read"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["title=deep sea", "age=3"], [Datum({"title": "deep sea", "age": 3})]),
        (["a=1", ",", "a=2"], [Datum({"a": 1}), Datum({"a": 2})]),
        (['{"a": "1"}', '{"b": 2}'], [Datum({"a": "1"}), Datum({"b": 2})]),
        (["[]"], []),
        (['[{"a": 1}, [[["b", "x"]], [["c", 2]]]]'], [Datum({"a": 1}), Datum({"b": "x", "c": 2.0})]),
        (
            ['{"string_values": [["a", "x"], ["a", "y"]]}'],
            [Datum().add_string("a", "x").add_string("a", "y")],
        ),
        (['{"string_values": "x"}'], [Datum({"string_values": "x"})]),
        (['{"icon": {"base64": "AAE="}}'], [Datum({"icon": b"\x00\x01"})]),
        (["a=", "b==", "c=x=y"], [Datum({"a": "", "b": "=", "c": "x=y"})]),
        (
            ["a=-1.5e2", "b=007", "c=1.", "d=NaN", "e=true"],
            [Datum({"a": -150.0, "b": "007", "c": "1.", "d": "NaN", "e": "true"})],
        ),
        (['a="3"', 'b="@x"', 'c="'], [Datum({"a": "3", "b": "@x", "c": '"'})]),
    ],
)
def test_datums(words: list[str], expected: list[Datum]) -> None:
    assert arguments(CLASSIFY, *words) == [expected]


def test_structures_field_by_field() -> None:
    expected = [LabeledDatum("spam", Datum({"t": "cheap"})), LabeledDatum("5", Datum({"n": 2}))]
    assert arguments(TRAIN, "spam", "t=cheap", "5", "n=2") == [expected]
    assert arguments(TRAIN, "spam", "t=cheap", ",", "5", '{"n": 2}') == [expected]
    assert arguments(
        TRAIN, '{"label": "spam", "data": {"t": "cheap"}}', '{"data": {"n": 2}, "label": "5"}'
    ) == [expected]
    assert arguments(TRAIN, '[["spam", {"t": "cheap"}], ["5", {"n": 2}]]') == [expected]


def test_a_file_is_a_binary_value(tmp_path: Path) -> None:
    (tmp_path / "icon").write_bytes(b"\xff\x00")
    assert arguments(CLASSIFY, f"icon=@{tmp_path}/icon") == [[Datum({"icon": b"\xff\x00"})]]
    with pytest.raises(ArgumentProblem, match=r"argument data\[0\].icon: cannot read .*: No such file"):
        arguments(CLASSIFY, f"icon=@{tmp_path}/other")


def test_texts_are_words_or_json() -> None:
    method = Classifier.methods["set_label"]
    assert arguments(method, "-") == ["-"]
    assert arguments(method, "[x") == ["[x"]
    assert arguments(method, '"x"') == ["x"]
    assert arguments(method, '"') == ['"']


def test_standard_input() -> None:
    assert read_arguments(CLASSIFY, ["-"], lambda: '[{"a": 1}]') == [[Datum({"a": 1})]]


@pytest.mark.parametrize(
    ("method", "words", "text"),
    [
        (CLASSIFY, [], "argument data: list<datum> is missing"),
        (CLASSIFY, ["x"], "argument data[0]: datum is expected, as key=value ... or JSON, but 'x' is given"),
        (CLASSIFY, ["a=1", "x"], "argument data[1]: datum is expected"),
        (CLASSIFY, ["[{]"], "argument data: not JSON"),
        (CLASSIFY, ["[" * 100000], "argument data: not JSON"),
        (CLASSIFY, ["[5]"], "argument data[0]: a datum, an object, is expected, not 5"),
        (
            CLASSIFY,
            ['{"a": null}'],
            'argument data[0].a: a text, a number or {"base64": ...} is expected, not null',
        ),
        (CLASSIFY, ['{"a": {"base64": "?"}}'], "argument data[0].a: not base64"),
        (CLASSIFY, ['{"num_values": [["a", "x"]]}'], "argument data[0].a: a text, a number"),
        (CLASSIFY, ['{"num_values": [["a"]]}'], "argument data[0].num_values: a pair"),
        (TRAIN, ["spam"], "argument data[0].data: datum is missing"),
        (TRAIN, ['[["spam", {}, 1]]'], "argument data[0]: LabeledDatum has 2 fields, but 3 are given"),
        (TRAIN, ['{"label": "spam"}'], "argument data[0].data: is missing"),
        (
            TRAIN,
            ['{"label": "spam", "dato": {}}'],
            "argument data[0]: LabeledDatum has no field 'dato', only label",
        ),
        (TRAIN, ["[[5, {}]]"], "argument data[0].label: a text is expected, not 5"),
        (Classifier.methods["set_label"], ["a", "b"], "argument 'b': set_label takes no more"),
        (Classifier.methods["clear"], ["a"], "argument 'a': clear takes no more"),
    ],
)
def test_errors_name_the_argument(method: Any, words: list[str], text: str) -> None:
    with pytest.raises(ArgumentProblem) as caught:
        arguments(method, *words)
    assert str(caught.value).startswith(text)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SCALARS: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.REAL: st.floats(allow_nan=False, allow_infinity=False, width=32),
    Kind.STRING: TEXT,
    Kind.BYTES: st.binary(max_size=5),
    Kind.INTEGER: st.integers(0, 2**31 - 1),
}


def values(type_: WireType) -> st.SearchStrategy[Any]:
    if type_.kind in SCALARS:
        return SCALARS[type_.kind]
    if type_.kind is Kind.LIST:
        return st.lists(values(type_.parts[0][1]), max_size=2)
    if type_.kind is Kind.MAP:
        return st.dictionaries(TEXT, values(type_.parts[0][1]), max_size=2)
    if type_.kind is Kind.STRUCTURE:
        return st.builds(type_.declared, *(values(part) for _, part in type_.parts))
    assert type_.declared is Datum
    return st.builds(
        Datum, st.dictionaries(TEXT, TEXT | st.integers(-5, 5) | st.binary(max_size=3), max_size=2)
    )


EVERY_METHOD = [
    pytest.param(method, id=f"{engine}.{method.name}")
    for engine in ENGINES
    for method in methods_of(engine).values()
    if method.name not in Classifier.methods or engine == "classifier"
]


@pytest.mark.parametrize("method", EVERY_METHOD)
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_every_method_takes_its_arguments_in_json_and_prints_its_answers(
    method: Any, data: st.DataObject
) -> None:
    given_values = [data.draw(values(parameter.type)) for parameter in method.parameters]
    words = [
        json.dumps(to_json(parameter.type, value))
        for parameter, value in zip(method.parameters, given_values, strict=True)
    ]
    assert arguments(method, *words) == given_values
    answer = data.draw(values(method.result))
    print_answer(method, answer)
    json.dumps(to_json(method.result, answer))


# --- answers ---


def printed(capsys: pytest.CaptureFixture[str], declared: Any, value: Any) -> list[list[str]]:
    class Answering:
        name, result = "m", wire_type(declared)

    print_answer(Answering, value)  # type: ignore[arg-type]
    return [line.split("\t") for line in capsys.readouterr().out.splitlines()]


def test_answers_are_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, bool, True) == [["true"]]
    assert printed(capsys, str, "a\nb") == [["a"], ["b"]]
    assert printed(capsys, dict[str, int], {"a": 1}) == [["# m"], ["key", "value"], ["a", "1"]]
    nested = {"s": {"a": "1", "b": "2"}}
    assert printed(capsys, dict[str, dict[str, str]], nested)[1:] == [
        ["key", "key", "value"],
        ["s", "a", "1"],
        ["s", "b", "2"],
    ]
    assert printed(capsys, list[float], [0.5, 2.0])[1:] == [["value"], ["0.5"], ["2"]]
    assert printed(capsys, list[list[float]], [[0.5], [], [1.0]])[1:] == [
        ["#", "value"],
        ["1", "0.5"],
        ["3", "1"],
    ]
    labelled = LabeledDatum("x", Datum({"a": 1}))
    shown = '{"string_values": [], "num_values": [["a", 1.0]], "binary_values": []}'
    assert printed(capsys, LabeledDatum, labelled)[1:] == [["label", "x"], ["data", shown]]
    assert printed(capsys, list[LabeledDatum], [labelled])[1:] == [["label", "data"], ["x", shown]]
    assert printed(capsys, list[int], []) == []


# --- a server ---


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("server")
    number = free_port()
    server = Server(folder, "duma", "serve", "classifier", "-p", str(number), "-d", str(folder))
    try:
        server.connect(number).close()
        yield number
    finally:
        server.end()


def duma_call(port: int, *words: str, **settings: Any) -> Result:
    return CliRunner().invoke(call, [*words, "--port", str(port)], **settings)


def test_a_session(port: int) -> None:
    done = duma_call(port, "classifier", "train", "spam", "t=cheap pills", "ham", "t=the minutes")
    assert (done.exit_code, done.output) == (0, "2\n")
    done = duma_call(port, "classifier", "train", "-", "--json", input='[["ham", {"n": 1}]]')
    assert (done.exit_code, json.loads(done.output)) == (0, 1)
    done = duma_call(port, "classifier", "classify", "t=pills", "--json")
    ((best, other),) = json.loads(done.output)
    assert {best["label"], other["label"]} == {"spam", "ham"}
    assert best.keys() == {"label", "score"}
    done = duma_call(port, "classifier", "classify", "t=pills", ",", "t=minutes")
    assert done.output.splitlines()[:2] == ["# classify", "#\tlabel\tscore"]
    assert len(done.output.splitlines()) == 6
    assert "AROW" in duma_call(port, "classifier", "get_config").output
    status = json.loads(duma_call(port, "classifier", "get_status", "--json").output)
    assert status[f"127.0.0.1_{port}"]["type"] == "classifier"


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["classifier", "trian"], 2, "no method 'trian'; it has train, classify"),
        (
            ["classifier", "train"],
            2,
            "train(data: list<LabeledDatum>) -> int\nLabeledDatum(label: string, data: datum)",
        ),
        (["nonsense", "train"], 2, "'nonsense' is not one of"),
        (["regression", "estimate", "a=1"], 1, "Error: estimate: the server has no method estimate"),
        (["classifier", "load", "nothing"], 1, "Error: load: "),
        (["classifier", "classify", "$=1", "--timeout", "5"], 1, "Error: classify: "),
    ],
)
def test_what_cannot_be_done(port: int, words: list[str], status: int, text: str) -> None:
    done = duma_call(port, *words)
    assert (done.exit_code, done.stdout) == (status, "")
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_no_server() -> None:
    done = duma_call(free_port(), "classifier", "clear")
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: clear: cannot connect to 127.0.0.1:")
