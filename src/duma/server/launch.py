"""The life of a server process, from the command line to the exit status."""

import asyncio
import dataclasses
import errno
import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from duma.engines.engine import Engine
from duma.errors import BackupError, JournalError, ModelFileError
from duma.server.addresses import Address
from duma.server.boot_message import boot_message
from duma.server.command_line import HelpRequested, UsageError, usage
from duma.server.daemon import become_daemon
from duma.server.data_folders import data_folder, holds_a_model, other_data_folders
from duma.server.first_model import first_engine
from duma.server.logs import reaches_console, use_default_log, use_log_configuration
from duma.server.options import ServerOptions, command_options, parse_server_options
from duma.server.server import ModelServer
from duma.server.settings import Settings, StartError, check_early, check_options, no_configuration
from duma.server.signals import SignalThread
from duma.server.versions import JUBATUS_VERSION

if TYPE_CHECKING:
    from duma.server.durability import Durability

_log = logging.getLogger(__name__)


def run_command(program: str, engine_type: str, words: Sequence[str]) -> int:
    """A juba* command: what its words ask for. Returns the exit status."""
    try:
        options = parse_server_options(words)
    except HelpRequested:
        _tell(usage(program, command_options()))
        return 0
    except UsageError as error:
        _tell(f"{error}\n{usage(program, command_options())}")
        return 1
    if options.version:
        print(f"jubatus-{JUBATUS_VERSION} ({program})")
        return 0
    return launch(program, engine_type, options)


def launch(
    program: str,
    engine_type: str,
    options: ServerOptions,
    *,
    default_config: str = "",
    started: Callable[[Settings], None] | None = None,
) -> int:
    """Serve until a signal ends it. Returns the exit status.

    `default_config` is the configuration's text when no option names one. `started` is called once requests
    are answered.
    """
    use_default_log()
    try:
        address, log_config = check_early(options)
        if log_config:
            _use_log_file(log_config, program, address, options.rpc_port)
        settings = check_options(program, engine_type, options, address, log_config, default_config)
        return _serve(settings, started)
    except StartError as error:
        return _refuse(error, program)
    except Exception:
        # Not a user's mistake: the log is where the traceback will be looked for.
        _log.critical("error in main thread", exc_info=True)
        return 1


def _refuse(error: StartError, program: str) -> int:
    if error.log_level is not None:
        _log.log(error.log_level, "%s", error)
    if error.log_level is None or not reaches_console():
        _tell(f"{error}\n")
    if error.usage:
        _tell(usage(program, command_options()))
    return error.status


def _tell(text: str) -> None:
    # Unlike a plain write, this works without a standard error too.
    print(text, end="", file=sys.stderr)


def _use_log_file(path: str, program: str, address: Address, port: int) -> None:
    from duma.server.log_config import EmptyLogConfiguration, LogConfigurationError, read_log_configuration

    # The file may refer to these.
    os.environ["JUBATUS_PID"] = str(os.getpid())
    os.environ["JUBATUS_PROCESS"] = program
    os.environ["JUBATUS_HOST"] = address.advertised
    os.environ["JUBATUS_PORT"] = str(port)
    try:
        use_log_configuration(read_log_configuration(Path(path)))
    except EmptyLogConfiguration as error:
        raise StartError(f"exception in main thread: {error}: {path} is empty", status=255) from error
    except OSError as error:
        raise StartError(
            f"exception in main thread: cannot read {path}: {error.strerror}", status=255
        ) from error
    except LogConfigurationError as error:
        raise StartError(f"failed to configure logger: {error}") from error


def _reload_log(path: str) -> None:
    from duma.server.log_config import EmptyLogConfiguration, LogConfigurationError, read_log_configuration

    if not path:
        return
    _log.info("reloading log configuration: %s", path)
    try:
        use_log_configuration(read_log_configuration(Path(path)))
    except EmptyLogConfiguration:
        _log.error("invalid log configuration; reload aborted")
    except (LogConfigurationError, OSError) as error:
        _log.error("log configuration is not reloaded: %s", error)


def _serve(settings: Settings, started: Callable[[Settings], None] | None) -> int:
    settings = _with_kept_configuration(settings)
    if settings.options.daemon:
        if sys.stderr is not None and sys.stderr.isatty() and not settings.log_config:
            _log.warning(
                "server logs will be lost because started in daemon mode without log config specified"
            )
        become_daemon()
    _log.info("%s", boot_message(settings))
    signals = SignalThread(reload=lambda: _reload_log(settings.log_config))
    signals.start()
    engine, loaded = first_engine(settings)
    if settings.options.config_test:
        _tell("Configuration OK\n")
        return 0
    server = ModelServer(settings, engine, _durability(settings, engine))
    if loaded:
        server.files.loaded(loaded)
    # What has been loaded so far stays until the end: the collector need not look at it again and again.
    gc.freeze()
    try:
        return asyncio.run(_run(settings, server, signals, started))
    finally:
        gc.unfreeze()


def _with_kept_configuration(settings: Settings) -> Settings:
    """Where none is named, the configuration is that of the model which the server left behind."""
    if settings.options.journal == "off" or settings.configpath or settings.model_file:
        return settings
    from duma.server.recovering import newest_configuration

    kept = newest_configuration(settings) or settings.default_config
    if not kept:
        raise no_configuration()
    return dataclasses.replace(settings, default_config=kept)


def _durability(settings: Settings, engine: Engine) -> "Durability | None":
    if settings.options.journal == "off":
        if holds_a_model(data_folder(settings)):
            _log.warning(
                "the journal is off: the model in %s is neither used nor continued (--journal interval does both)",
                data_folder(settings),
            )
        return None
    from duma.server.durability import Durability
    from duma.server.recovery_progress import RecoveryProgress
    from duma.store.journal import JournalDamaged

    try:
        with RecoveryProgress(data_folder(settings)) as progress:
            durability = Durability.open(settings, engine, progress)
    except JournalDamaged as error:
        raise StartError(
            f"server failed to start: {error}; `duma recover {data_folder(settings)} --skip-damaged` makes a "
            "model of what can still be read, and says what is lost",
            log_level=logging.CRITICAL,
        ) from error
    except (BackupError, JournalError, ModelFileError) as error:
        why = " ".join(str(error).split())  # configurations run over many lines
        if why.startswith("server config mismatched"):
            why += (
                f"; start with the configuration that {data_folder(settings)} was begun with, make a model of the "
                "other one with `duma recover` and `duma model convert`, or choose another datadir"
            )
        raise StartError(f"server failed to start: {why}", log_level=logging.CRITICAL) from error
    recovered = durability.recovered
    for line in recovered.report():
        _log.warning("recovery: %s", line)
    _log.info(
        "journal %s: model at record %d, %d replayed",
        settings.options.journal,
        recovered.position.sequence,
        recovered.replayed,
    )
    if recovered.snapshot is None and (others := other_data_folders(settings)):
        _log.warning(
            "%s is a new data folder, but there are others, of other addresses or ports: %s; to go on with one of "
            "those, end this server and give that folder this name",
            data_folder(settings),
            ", ".join(folder.name for folder in others),
        )
    return durability


async def _run(
    settings: Settings, server: ModelServer, signals: SignalThread, started: Callable[[Settings], None] | None
) -> int:
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    # Before the port is open: whoever can connect can also end the server with status 0.
    signals.stop = lambda: loop.call_soon_threadsafe(stopping.set)
    try:
        await server.start()
    except OSError as error:
        raise _cannot_listen(settings, error) from error
    if started:
        started(settings)
    await stopping.wait()
    await server.stop()
    return 0


def _cannot_listen(settings: Settings, error: OSError) -> StartError:
    port = settings.options.rpc_port
    if error.errno == errno.EADDRINUSE:
        # Tools that start servers look for this text, and try another port.
        text = f"server failed to start: any process using port {port}?"
    else:
        where = f"{settings.address.listen}:{port}"
        text = f"server failed to start: cannot listen at {where}: {_reason(error)}"
    return StartError(text, log_level=logging.CRITICAL)


def _reason(error: OSError) -> str:
    # asyncio's texts repeat the address; failures to resolve a name have negative numbers.
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)
