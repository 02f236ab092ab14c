"""Detaching from the terminal."""

import os
import sys


def become_daemon() -> None:
    """Go on in a child process: own session, working directory `/`, standard streams to /dev/null.

    The calling process ends with status 0. To be called before any thread is started.
    """
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    if null > 2:
        os.close(null)
