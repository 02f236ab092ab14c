"""`duma engines` and completion: what the declarations say, for every engine, whichever there are."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from server_process import COMMANDS, run

from duma.commands.main import main
from duma.configuration_form import Form
from duma.engines.description import methods_of
from duma.engines.registry import ENGINES, engine_class

EVERY_ENGINE = pytest.mark.parametrize("engine", ENGINES)


def duma(*words: str) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_list(tmp_path: Path) -> None:
    server = run(tmp_path, "engines", command="duma")
    assert (server.wait(), server.errors) == (0, "")
    rows = [line.split("\t") for line in server.output.splitlines()[2:]]
    assert [row[0] for row in rows] == list(ENGINES)
    assert all(len(row[1]) > 10 for row in rows)
    assert [each["engine"] for each in json.loads(duma("engines", "--json"))] == list(ENGINES)


@EVERY_ENGINE
def test_every_call_is_shown_with_what_is_declared(engine: str) -> None:
    found = json.loads(duma("engines", engine, "--json"))
    text = duma("engines", engine)
    methods = methods_of(engine)
    assert [call["name"] for call in found["calls"]] == list(methods)
    for shown in found["calls"]:
        method = methods[shown["name"]]
        assert shown["kind"] == ("update" if method.updates else "analysis")
        assert [item["name"] for item in shown["parameters"]] == list(method.signature.parameters)
        assert shown["documentation"]
        assert f"{shown['signature']}\t{shown['kind']}\t{shown['route']}\t" in text
    for name, fields in found["types"].items():
        shown_fields = ", ".join("{name}: {type}".format(**field) for field in fields)
        assert f"{name}({shown_fields})" in text
    assert found["calls"][0]["of_every_server"] is False
    assert {"save", "load", "get_status"} <= {
        call["name"] for call in found["calls"] if call["of_every_server"]
    }


@EVERY_ENGINE
def test_the_configuration_is_shown_with_what_is_declared(engine: str) -> None:
    form = engine_class(engine).configuration_form
    shown = json.loads(duma("engines", engine, "--json"))["configuration"]
    assert (shown is None) == (form is None)
    if form is not None:
        check_form(form, shown, duma("engines", engine))


def check_form(form: Form, shown: dict[str, Any], text: str) -> None:
    assert list(shown["members"]) == list(form.members)
    for name, member in form.members.items():
        assert member.optional or member.example is not None, f"{name} needs an example for `duma config new`"
        assert shown["members"][name]["meaning"] == member.meaning
        assert member.meaning in text
        assert member.condition is None or member.condition.text in text
    example = form.example()
    form.require(example, "")
    for choice, of_choice in zip(form.choices, shown["choices"], strict=True):
        assert list(of_choice["ways"]) == list(choice.ways)
        for name, way in choice.ways.items():
            assert f"\n{name}\t{', '.join(way.aliases)}\t" in text
            check_form(way, of_choice["ways"][name], text)


def test_an_unknown_engine() -> None:
    done = CliRunner().invoke(main, ["engines", "nonsense"])
    assert done.exit_code == 2
    assert "'nonsense' is not one of" in done.stderr


# --- completion ---


def completed(words: str, incomplete: str) -> list[str]:
    """What fish would be offered: of the three shells, its protocol is the plainest."""
    done = subprocess.run(
        [COMMANDS / "duma"],
        env={
            **os.environ,
            "_DUMA_COMPLETE": "fish_complete",
            "COMP_WORDS": f"duma {words}",
            "COMP_CWORD": incomplete,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [line.split(",", 1)[1].split("\t")[0] for line in done.stdout.splitlines()]


def test_commands_engines_and_methods_are_completed() -> None:
    assert {"call", "config", "serve", "engines"} <= set(completed("", ""))
    assert completed("serve", "") == list(ENGINES)
    assert completed("engines", "cl")[0].startswith("cl")
    assert completed("call", "") == list(ENGINES)
    assert completed("call classifier", "get_") == [
        "get_labels",
        "get_config",
        "get_status",
        "get_proxy_status",
    ]
    assert completed("config new classifier --method", "P") == ["PA", "PA1", "PA2"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_is_one(shell: str, tmp_path: Path) -> None:
    script = duma("completion", shell)
    assert "_DUMA_COMPLETE" in script
    if (found := shutil.which(shell)) is not None:
        path = tmp_path / "script"
        path.write_text(script)
        subprocess.run([found, "-n", path], check=True, timeout=60)


BASH = """
eval "$(duma completion bash)"
COMP_WORDS=(duma call classifier cla)
COMP_CWORD=3
_duma_completion duma
echo "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes() -> None:
    env = {**os.environ, "PATH": f"{COMMANDS}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", BASH], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "classify\n", "")
