"""The options of a server, each declared once.

The fields of `ServerOptions` are the table: from it come the options of the juba* commands (Jubatus' names,
letters,
defaults and limits), those of `duma serve` (`serve`: another name or default there), its environment
variables, and the usage. Options of Duma's own have a long name only.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from duma.server.command_line import Kind, Option, parse

_DUMA_LIMIT = 2**50


class Scope(Enum):
    """Where an option means something."""

    SERVER = "server"
    CLUSTER = "cluster"  # accepted by the juba* commands; `duma serve` does not offer it
    COMMAND = "command"  # what the juba* commands do instead of serving


@dataclass(frozen=True, slots=True)
class Serve:
    """How `duma serve` shows an option: its name there, and a friendlier default if it has one."""

    name: str
    default: Any = None


@dataclass(frozen=True, slots=True)
class Declaration:
    """One entry of the table; `field` is its name in `ServerOptions`."""

    field: str
    option: Option
    scope: Scope
    serve: Serve


def _option(
    name: str,
    short: str,
    default: Any,
    help_text: str,
    *,
    kind: Kind | None = None,
    low: int = -(2**31),
    high: int = 2**31 - 1,
    scope: Scope = Scope.SERVER,
    serve: Serve | None = None,
) -> Any:
    if kind is None:
        kind = {bool: Kind.FLAG, int: Kind.INTEGER, str: Kind.STRING}[type(default)]
    option = Option(name, short, kind, default, help_text, low, high)
    metadata = {"option": option, "scope": scope, "serve": serve or Serve(name.replace("_", "-"))}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What a server was asked for. Times are seconds, sizes are bytes; nothing has been checked against the
    machine."""

    rpc_port: int = _option("rpc-port", "p", 9199, "port number", low=1, high=65535, serve=Serve("port"))
    listen_addr: str = _option(
        "listen_addr", "b", "", "address to listen on and to advertise", serve=Serve("listen", "127.0.0.1")
    )
    listen_if: str = _option("listen_if", "B", "", "network interface to listen on, unless -b is given")
    thread: int = _option("thread", "c", 2, "number of worker threads", low=1, serve=Serve("threads"))
    timeout: int = _option(
        "timeout",
        "t",
        10,
        "seconds until an idle connection is closed, 0: never",
        low=0,
        serve=Serve("timeout", 0),
    )
    datadir: str = _option("datadir", "d", "/tmp", "directory of the model files", serve=Serve("datadir", ""))
    logdir: str = _option("logdir", "l", "", "directory of the ZooKeeper client's log", scope=Scope.CLUSTER)
    log_config: str = _option("log_config", "g", "", "log4cxx XML file that configures the log")
    configpath: str = _option("configpath", "f", "", "configuration file", serve=Serve("config"))
    model_file: str = _option("model_file", "m", "", "model file to load at start")
    daemon: bool = _option("daemon", "D", False, "detach and run in the background")
    config_test: bool = _option(
        "config_test", "T", False, "test the configuration and exit", scope=Scope.COMMAND
    )
    zookeeper: str = _option(
        "zookeeper", "z", "", "ZooKeeper addresses, host:port[,...] (not supported yet)", scope=Scope.CLUSTER
    )
    name: str = _option("name", "n", "", "name of the cluster", scope=Scope.CLUSTER)
    mixer: str = _option("mixer", "x", "linear_mixer", "way to MIX", scope=Scope.CLUSTER)
    interval_sec: int = _option(
        "interval_sec", "s", 16, "seconds between two MIX rounds, 0: off", low=0, scope=Scope.CLUSTER
    )
    interval_count: int = _option(
        "interval_count", "i", 512, "updates between two MIX rounds, 0: off", low=0, scope=Scope.CLUSTER
    )
    zookeeper_timeout: int = _option(
        "zookeeper_timeout", "Z", 10, "timeout of the ZooKeeper session in seconds", scope=Scope.CLUSTER
    )
    interconnect_timeout: int = _option(
        "interconnect_timeout", "I", 10, "timeout of calls between servers in seconds", scope=Scope.CLUSTER
    )
    version: bool = _option("version", "v", False, "print the version and exit", scope=Scope.COMMAND)

    max_message_size: int = _option(
        "max_message_size",
        "",
        256 << 20,
        "longest request in bytes (K, M, G)",
        kind=Kind.SIZE,
        low=1 << 10,
        high=_DUMA_LIMIT,
    )
    max_buffered_size: int = _option(
        "max_buffered_size",
        "",
        1 << 30,
        "most bytes of unanswered requests, all connections together (K, M, G)",
        kind=Kind.SIZE,
        low=1 << 10,
        high=_DUMA_LIMIT,
    )
    max_nesting: int = _option(
        "max_nesting", "", 32, "deepest nesting of a request, its own array included", low=4, high=1000
    )
    max_connections: int = _option("max_connections", "", 1000, "most connections at a time", low=1)

    load_policy: str = _option(
        "load_policy",
        "",
        "strict",
        "models of another configuration: strict (refused) or compatible (converted if nothing is lost)",
    )

    journal: str = _option(
        "journal",
        "",
        "off",
        "record updates so that they survive a crash: off, interval (synced every --journal_interval), "
        "always (synced before they are answered)",
        serve=Serve("journal", "interval"),
    )
    journal_interval: int = _option(
        "journal_interval", "", 1000, "milliseconds between syncs of the journal", low=1
    )
    journal_segment_size: int = _option(
        "journal_segment_size",
        "",
        64 << 20,
        "size of one file of the journal in bytes (K, M, G)",
        kind=Kind.SIZE,
        low=1 << 12,
        high=_DUMA_LIMIT,
    )
    snapshot_interval: int = _option(
        "snapshot_interval", "", 3600, "seconds between snapshots while updates come, 0: never by time", low=0
    )
    snapshot_journal_size: int = _option(
        "snapshot_journal_size",
        "",
        256 << 20,
        "bytes of updates after which a snapshot is taken (K, M, G), 0: never by size",
        kind=Kind.SIZE,
        low=0,
        high=_DUMA_LIMIT,
    )
    keep_last: int = _option("keep_last", "", 3, "newest snapshots that are kept", low=1)
    keep_hours: int = _option("keep_hours", "", 0, "hours of which the newest snapshot is kept", low=0)
    keep_days: int = _option("keep_days", "", 0, "days of which the newest snapshot is kept", low=0)

    backup_to: str = _option(
        "backup_to", "", "", "back the model up while serving: a folder, or s3://, gs://, az://bucket/folder"
    )
    backup_interval: int = _option("backup_interval", "", 10, "seconds between two backups", low=1)
    backup_verify_interval: int = _option(
        "backup_verify_interval",
        "",
        86400,
        "seconds between restoring the newest backup to see that it is good, 0: never",
        low=0,
    )


def declarations() -> list[Declaration]:
    """The table, in the order of declaration."""
    return [Declaration(field.name, **field.metadata) for field in dataclasses.fields(ServerOptions)]


def command_options() -> list[Option]:
    """The options of the juba* commands."""
    return [declaration.option for declaration in declarations()]


def parse_server_options(words: Sequence[str]) -> ServerOptions:
    """The options that a juba* command was given. Raises `HelpRequested` and `UsageError`."""
    values = parse(command_options(), words)
    return ServerOptions(**{item.field: values[item.option.name] for item in declarations()})
