"""A disk of a few megabytes that can be filled, for as long as the test runs."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class SmallDisk:
    """`path` is where it is mounted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, left: int = 0) -> None:
        """Leave `left` bytes free, up to a page."""
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
        if left:
            with self._filler.open("r+b") as file:
                file.truncate(self._filler.stat().st_size - left)

    def empty(self) -> None:
        """Give the space back."""
        self._filler.unlink()

    def read_only(self, value: bool) -> None:
        """Nothing may be open for writing."""
        _run("mount", "-o", "remount," + ("ro" if value else "rw"), str(self.path))


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk]:
    """A disk in memory; skips the test where none can be mounted."""
    path.mkdir()
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path))
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk can be mounted by root only: {error}")
    try:
        yield SmallDisk(path)
    finally:
        _run("umount", "-l", str(path))


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)
