"""An S3-compatible server on loopback: moto's, in a process of its own, as a real one would be."""

import contextlib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from server_process import free_port, until

BUCKET = "backups"


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Its URL; it has one bucket."""
    pytest.importorskip("obstore", reason="needs pip install '.[object-store-tests]'")
    pytest.importorskip("moto.server", reason="needs pip install '.[object-store-tests]'")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _made(url) or process.poll() is not None)
        yield url
    finally:
        process.kill()
        process.wait()


def _made(url: str) -> bool:
    request = urllib.request.Request(f"{url}/{BUCKET}", method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False
