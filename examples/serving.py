"""What the demonstrations share: servers of their own process, and commands shown as one would type them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

import duma.client

console = Console(highlight=False)


def command(name: str, *words: str) -> list[str]:
    """A command that is installed beside this Python; it is shown as one would type it."""
    console.print("[dim]$ " + " ".join([name, *words]), soft_wrap=True)
    return [str(Path(sys.executable).with_name(name)), *words]


class Server:
    """A server of its own process, on a free port, with all that it keeps in `folder`."""

    def __init__(self, engine: str, config: Mapping[str, Any], folder: Path) -> None:
        self.engine = engine
        self.config = folder / f"{engine}.json"
        self.config.write_text(json.dumps(config, indent=2))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port: int = s.getsockname()[1]
        self.folder = folder
        self.data_folder = folder / f"127.0.0.1_{self.port}_{engine}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> Any:
        """Start the process; returns a client of its engine once it answers."""
        where = ("--port", str(self.port), "--config", str(self.config))
        words = command("duma", "serve", self.engine, *where, "--datadir", str(self.folder), *options)
        make_client = getattr(duma.client, self.engine.title())
        started = time.perf_counter()
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        while True:
            try:
                client = make_client("127.0.0.1", self.port, "", timeout=10)
                client.get_status()
            except OSError:
                if self._process.poll() is not None:
                    raise SystemExit(f"the server ended with status {self._process.returncode}") from None
                time.sleep(0.01)
            else:
                console.print(f"  answers after {time.perf_counter() - started:.2f} s")
                return client

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
