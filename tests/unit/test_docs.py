"""The documentation is true: its code runs, its configurations are accepted, its options and links exist."""

import doctest
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from markdown import Block, Page
from server_process import Server, free_port, run, serving, write_config

from duma.commands.default_configurations import DEFAULT_CONFIGURATIONS
from duma.commands.main import main
from duma.engines.registry import ENGINES, engine_class
from duma.server.command_line import Kind
from duma.server.options import Declaration, Scope, declarations

ROOT = Path(__file__).parents[2]
PAGES = [Page(ROOT / "README.md"), Page(ROOT / "CONTRIBUTING.md"), *map(Page, sorted(ROOT.glob("docs/*.md")))]
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)

# What pages call the server of their examples; each page gets one of its own.
PORT = "9199"
OUTPUT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(language: str) -> list[Any]:
    """Every block of a language, as a parameter."""
    return [
        pytest.param(block, id=f"{page.path.name}:{block.line}")
        for page in PAGES
        for block in page.blocks()
        if block.language == language
    ]


# --- Python ---

PYTHON_PAGES = [page for page in PAGES if any(block.language == "python" for block in page.blocks())]


@pytest.mark.parametrize("page", PYTHON_PAGES, ids=lambda page: page.path.name)
def test_python_examples_run_and_print_what_the_page_says(page: Page, tmp_path: Path) -> None:
    """The blocks of a page are one program. A `text` block behind one is what it prints (`...`: anything)."""
    program = PythonProgram(page)
    if PORT not in program.source:
        program.check(program.run(tmp_path, PORT), PORT)
        return
    port = str(free_port())
    server = Server(tmp_path, "duma", "serve", engine_of(page), "-p", port, "-d", str(tmp_path))
    try:
        server.connect(int(port)).close()
        program.check(program.run(tmp_path, port), port)
    finally:
        server.end()


def engine_of(page: Page) -> str:
    """The engine that a page is about; of a general one, the classifier."""
    return page.path.stem if page.path.stem in ENGINES else "classifier"


class PythonProgram:
    """The Python blocks of a page, each at its own lines, so that tracebacks point into the page."""

    MARK = "--- line "

    def __init__(self, page: Page) -> None:
        self.page = page
        lines = [""] * len(page.lines)
        self.expected: dict[int, str] = {}
        previous: Block | None = None
        for block in page.blocks():
            if block.language == "python":
                lines[block.line - 2] = f"print('{self.MARK}{block.line}')"
                lines[block.line - 1 : block.line - 1 + block.text.count("\n")] = block.text.splitlines()
            elif block.language == "text" and previous is not None and previous.language == "python":
                self.expected[previous.line] = block.text
            previous = block
        self.source = "\n".join(lines) + "\n"

    def run(self, folder: Path, port: str) -> str:
        path = folder / self.page.path.with_suffix(".py").name
        path.write_text(self.source.replace(PORT, port))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", path],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        return done.stdout

    def check(self, output: str, port: str) -> None:
        printed = re.split(rf"^{self.MARK}(\d+)\n", output, flags=re.MULTILINE)[1:]
        by_line = {int(line): text for line, text in zip(printed[::2], printed[1::2], strict=True)}
        for line, expected in self.expected.items():
            wanted = expected.replace(PORT, port)
            same = doctest.OutputChecker().check_output(wanted, by_line[line], OUTPUT)
            assert same, f"{self.page.path.name}:{line} prints\n{by_line[line]}instead of\n{wanted}"


# --- configurations ---


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path.name)
def test_json_examples_are_json_and_whole_configurations_are_accepted(page: Page, tmp_path: Path) -> None:
    engine = engine_of(page)
    members = {"converter"} if engine == "weight" else {"method", "converter"}
    for block in page.blocks():
        if block.language != "json":
            continue
        value = json.loads(block.text)
        if not isinstance(value, dict) or not members <= set(value) or names_a_plugin(value):
            continue
        assert engine_class(engine)(block.text).status() is not None
        words = ("-T", "-f", write_config(tmp_path, block.text))
        server = run(tmp_path, *words, command=f"juba{engine}")
        assert (server.wait(), server.errors) == (0, "Configuration OK\n")


def names_a_plugin(configuration: Any) -> bool:
    return '"dynamic"' in json.dumps(configuration)  # its module need not exist here


@pytest.mark.parametrize("block", blocks("xml"))
def test_log_configurations_are_accepted(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "log.xml"
    path.write_text(block.text.replace("/var/log/duma", str(tmp_path)))
    server = run(tmp_path, "-T", "-g", str(path), "-f", write_config(tmp_path))
    assert server.wait() == 0, server.errors


# --- options ---

JUBA = {f"--{item.option.name}" for item in declarations()} | {"--help"}
JUBA_SHORT = {f"-{item.option.short}" for item in declarations() if item.option.short} | {"-?"}
VARIABLES = {
    parameter.envvar for parameter in main.commands["serve"].params if isinstance(parameter.envvar, str)
}


def options(command: click.Command) -> set[str]:
    """The options of a `duma` command, without those of commands below it."""
    return {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}


def every_option(command: click.Command) -> set[str]:
    """The options of a `duma` command and of all below it."""
    return options(command).union(*map(every_option, commands_below(command).values()))


def commands_below(command: click.Command) -> dict[str, click.Command]:
    """The commands of a group, those that are imported when they are asked for included."""
    if not isinstance(command, click.Group):
        return {}
    context = click.Context(command)
    found = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: below for name, below in found.items() if below is not None}


def known_options(words: list[str]) -> set[str] | None:
    """The options that a command line may have; None if it is not of Duma's commands."""
    name = words[0].rpartition("/")[2] if words else ""
    if name.startswith("juba") and name.removeprefix("juba") in ENGINES:
        return JUBA | JUBA_SHORT
    if name != "duma":
        return None
    command: click.Command = main
    known = options(main)
    for word in words[1:]:
        if word in (below := commands_below(command)):
            command = below[word]
            known |= options(command)
    return known


@EVERY_PAGE
def test_options_in_commands_exist(page: Page) -> None:
    for line, text in page.commands():
        words = re.split(r"\s#|\s[|&>]", text.removeprefix("$ ").removeprefix("ExecStart="))[0].split()
        known = known_options(words)
        used = {word.partition("=")[0] for word in words if re.match(r"-{1,2}[a-zA-Z?]", word)}
        assert known is None or used <= known, f"{page.path.name}:{line}"


@EVERY_PAGE
def test_options_and_variables_in_the_prose_exist(page: Page) -> None:
    known = JUBA | every_option(main)
    for line, code in page.inline_code():
        if re.fullmatch(r"--[a-z][\w-]*", code):
            assert code in known, f"{page.path.name}:{line}: {code}"
        for variable in re.findall(r"\bDUMA_\w+\b", code):
            assert variable in VARIABLES, f"{page.path.name}:{line}: {variable}"


@pytest.mark.parametrize("declaration", declarations(), ids=lambda item: item.option.name)
def test_every_option_has_its_row_in_a_table(declaration: Declaration) -> None:
    row = option_row(declaration)
    assert any(row in line for page in PAGES for line in page.lines), f"no page has a row {row} <meaning> |"


def option_row(declaration: Declaration) -> str:
    """How a table shows an option, up to its meaning."""
    option, serve = declaration.option, declaration.serve
    short = f", `-{option.short}`" if option.short else ""
    cells = [f"`--{option.name}`{short}"]
    if declaration.scope is Scope.SERVER:
        cells.append(f"`--{serve.name}`{short}")
    default = shown(option.default, option.kind)
    if serve.default is not None and serve.default != option.default:
        default += f"; serve: {shown(serve.default, option.kind) if serve.default != '' else 'see below'}"
    if option.kind is not Kind.FLAG:
        cells.append(default)
    else:
        cells.append("off")
    return "| " + " | ".join(cells) + " |"


def shown(value: Any, kind: Kind) -> str:
    if kind is not Kind.SIZE or value == 0:
        return f"`{value}`" if value != "" else "none"
    power = max(p for p in (0, 10, 20, 30) if value % (1 << p) == 0)
    return f"`{value >> power}{ {0: '', 10: 'K', 20: 'M', 30: 'G'}[power] }`"


# --- status ---


def test_every_status_key_is_described(tmp_path: Path) -> None:
    lru = {"unlearner": "lru", "unlearner_parameter": {"max_size": 1}}
    random = {"unlearner": "random", "unlearner_parameter": {"max_size": 1}}
    answered: set[str] = set()
    for parameter in (lru, random):
        config = {"method": "PA", "parameter": parameter, "converter": {}}
        words = ["-f", write_config(tmp_path, config), "--journal", "interval"]
        with serving(tmp_path, *words) as (_, client, _):
            ((_, status),) = client.call("get_status").items()
            answered |= set(status)
    pages = [Page(ROOT / "docs" / name) for name in ("server.md", "classifier.md")]
    described = {
        key for page in pages for cell in page.table("status key") for key in re.findall(r"`(\w+)`", cell)
    }
    assert described == answered


@pytest.mark.parametrize("engine", sorted(set(ENGINES) - {"classifier"}))
def test_every_status_key_of_the_other_engines_is_described(engine: str) -> None:
    answered = set(engine_class(engine)(DEFAULT_CONFIGURATIONS[engine]).status())
    table = Page(ROOT / "docs" / f"{engine}.md").table("status key")
    assert {key for cell in table for key in re.findall(r"`(\w+)`", cell)} == answered


# --- links ---


@EVERY_PAGE
def test_links_lead_somewhere(page: Page) -> None:
    for line, target in page.links():
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.path.parent / path).resolve() if path else page.path
        assert linked.exists(), f"{page.path.name}:{line}: {target}"
        if anchor:
            assert anchor in Page(linked).anchors(), f"{page.path.name}:{line}: {target}"


@EVERY_PAGE
def test_files_that_are_named_exist(page: Page) -> None:
    tops = "|".join(["docs", "tests", "examples", "benchmarks", "native", r"src/duma"])
    for line, code in page.inline_code():
        if re.fullmatch(rf"(?:{tops})/[\w./-]+", code):
            assert (ROOT / code).exists(), f"{page.path.name}:{line}: {code}"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of the examples keep nothing beyond the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
