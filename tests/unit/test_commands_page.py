"""The examples of docs/commands.md are typed in as they stand, and print what the page says."""

import doctest
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown import Page
from server_process import COMMANDS, Server, free_port

PAGE = Page(Path(__file__).parents[2] / "docs" / "commands.md")
OUTPUT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    port = free_port()
    server = Server(tmp_path, "duma", "serve", "classifier", "-p", str(port), "-d", str(tmp_path))
    try:
        server.connect(port).close()
        yield {**os.environ, "PATH": f"{COMMANDS}:{os.environ['PATH']}", "DUMA_PORT": str(port)}
    finally:
        server.end()


def test_the_examples(tmp_path: Path, environment: dict[str, str]) -> None:
    blocks = list(PAGE.blocks())
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block.language == "":
            (tmp_path / "broken.json").write_text(block.text)
        if block.language != "sh":
            continue
        done = subprocess.run(
            ["sh", "-e", "-c", block.text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == (1 if "broken.json" in block.text else 0), done.stderr
        if following is not None and following.language == "text":
            same = doctest.OutputChecker().check_output(following.text, done.stdout, OUTPUT)
            assert same, f"{PAGE.path.name}:{following.line}: prints\n{done.stdout}"
