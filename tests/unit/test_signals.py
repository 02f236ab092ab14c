"""What signals do to a server, at every moment of its life."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

PROGRAM = """
import logging, sys, time
from duma.server.signals import SignalThread

def reload():
    print("reload", flush=True)
    raise RuntimeError("a reload that fails")

logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s", level=logging.INFO)
signals = SignalThread(reload)
signals.start()
if "up" in sys.argv:
    signals.stop = lambda: print("stop", flush=True)
print("ready", flush=True)
while True:
    time.sleep(0.1) if "idle" in sys.argv else sum(range(1000))
"""


@contextmanager
def started(*words: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *words], stdout=subprocess.PIPE, text=True)
    with process:
        try:
            wait_for(process, "ready")
            yield process
        finally:
            process.kill()


def wait_for(process: "subprocess.Popen[str]", line: str) -> None:
    assert process.stdout is not None
    while (read := process.stdout.readline()) and read.strip() != line:
        pass
    assert read.strip() == line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_before_the_server_is_up(number: signal.Signals) -> None:
    with started("idle") as process:
        process.send_signal(number)
        assert process.wait(20) == 1


@pytest.mark.parametrize("busy", ["idle", "busy"])
def test_the_first_signal_stops_and_the_second_ends_at_once(busy: str) -> None:
    with started("up", busy) as process:
        process.send_signal(signal.SIGTERM)
        wait_for(process, "stop")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_hup_reloads_again_and_again_even_if_it_fails() -> None:
    with started("up", "idle") as process:
        for _ in range(3):
            process.send_signal(signal.SIGHUP)
            wait_for(process, "reload")
        process.send_signal(signal.SIGTERM)
        wait_for(process, "stop")
