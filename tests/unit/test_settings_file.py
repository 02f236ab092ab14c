"""`duma serve --settings`: options in a file."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from duma.commands import main as commands
from duma.commands.settings_file import read_settings
from duma.errors import ConfigurationError

OPTIONS = {
    "port": "rpc_port",
    "journal": "journal",
    "journal-interval": "journal_interval",
    "keep-last": "keep_last",
}


def written(folder: Path, text: str) -> Path:
    path = folder / "server.toml"
    path.write_text(text)
    return path


def test_tables_group_options(tmp_path: Path) -> None:
    path = written(tmp_path, 'port = 1\n[journal]\nmode = "always"\ninterval = 5\n[keep]\nlast = 2\n')
    assert read_settings(path, OPTIONS) == {
        "rpc_port": 1,
        "journal": "always",
        "journal_interval": 5,
        "keep_last": 2,
    }


def test_underscores_are_dashes(tmp_path: Path) -> None:
    assert read_settings(written(tmp_path, "journal_interval = 7"), OPTIONS) == {"journal_interval": 7}


def test_every_problem_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "prot = 1\nport = 1.5\n[journal]\nmodus = 1\n")
    with pytest.raises(ConfigurationError) as caught:
        read_settings(path, OPTIONS)
    assert caught.value.messages == (
        f"{path}: prot is no option of `duma serve`",
        f"{path}: port must be a text, a whole number, or true or false",
        f"{path}: journal.modus is no option of `duma serve`",
    )


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    seen: list[object] = []
    monkeypatch.setattr(commands, "launch", lambda *args, **_: seen.append(args[2]) or 0)
    return seen


def serve(*words: str, env: dict[str, str] | None = None) -> "click.testing.Result":
    return CliRunner().invoke(commands.main, ["serve", "classifier", *words], env=env)


def test_command_line_and_environment_win(tmp_path: Path, launched: list[object]) -> None:
    text = 'port = 1111\nthreads = 3\ntimeout = 4\nmax-message-size = "2M"\n[journal]\nmode = "always"\n'
    path = written(tmp_path, text)
    result = serve("--settings", str(path), "--port", "2222", "-d", str(tmp_path), env={"DUMA_THREADS": "5"})
    assert result.exit_code == 0, result.output
    options = launched[0]
    assert (options.rpc_port, options.thread, options.timeout) == (2222, 5, 4)
    assert (options.journal, options.max_message_size) == ("always", 2 << 20)


@pytest.mark.parametrize(
    ("text", "says"),
    [("port = ", "is not TOML"), ("color = 1", "color is no option"), ("port = 0", "0 is not in the range")],
)
def test_one_line_for_a_bad_file(tmp_path: Path, launched: list[object], text: str, says: str) -> None:
    result = serve("--settings", str(written(tmp_path, text)), "-d", str(tmp_path))
    assert result.exit_code != 0
    assert says in result.output
    assert not launched


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    result = serve("--settings", str(tmp_path / "none.toml"))
    assert result.exit_code == 1
    assert "No such file" in result.output
