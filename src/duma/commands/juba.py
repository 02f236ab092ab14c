"""The juba* commands: one server each, with the options of Jubatus."""

import sys
from collections.abc import Sequence


def run(engine_type: str, words: Sequence[str] | None = None) -> int:
    """Run `juba<engine_type>` with these words, or those of the command line. Returns the exit status."""
    from duma.server.launch import run_command

    return run_command(f"juba{engine_type}", engine_type, sys.argv[1:] if words is None else words)


def jubabandit() -> None:
    """The bandit server."""
    sys.exit(run("bandit"))


def jubaburst() -> None:
    """The burst server."""
    sys.exit(run("burst"))


def jubaanomaly() -> None:
    """The anomaly server."""
    sys.exit(run("anomaly"))


def jubaclassifier() -> None:
    """The classifier server."""
    sys.exit(run("classifier"))


def jubagraph() -> None:
    """The graph server."""
    sys.exit(run("graph"))


def jubaclustering() -> None:
    """The clustering server."""
    sys.exit(run("clustering"))


def jubaregression() -> None:
    """The regression server."""
    sys.exit(run("regression"))


def jubanearest_neighbor() -> None:
    """The nearest neighbour server."""
    sys.exit(run("nearest_neighbor"))


def jubarecommender() -> None:
    """The recommender server."""
    sys.exit(run("recommender"))


def jubastat() -> None:
    """The stat server."""
    sys.exit(run("stat"))


def jubaweight() -> None:
    """The weight server."""
    sys.exit(run("weight"))
