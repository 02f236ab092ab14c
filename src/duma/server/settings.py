"""Options that have been checked against the machine: paths that exist, an address that is this machine's.

The checks come in a fixed order, each with its text and exit status, since scripts look at both. Where
Jubatus aborts on a user's mistake, the status here is 1.
"""

import dataclasses
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from duma.errors import DumaError
from duma.server.addresses import Address, choose_address
from duma.server.options import ServerOptions

JOURNAL_MODES = ("off", "interval", "always")
LOAD_POLICIES = ("strict", "compatible")
MIXERS = ("linear_mixer", "random_mixer", "broadcast_mixer", "skip_mixer")


class StartError(DumaError):
    """The server cannot start.

    `status` is the exit status. The text belongs into the log if there is a `log_level` (of `logging`),
    otherwise on standard error, and the usage behind it if `usage` says so.
    """

    def __init__(
        self, text: str, *, status: int = 1, usage: bool = False, log_level: int | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.usage = usage
        self.log_level = log_level


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server runs.

    `program` is the command's name, as in `jubaclassifier`. Empty paths were not given. `default_config` is
    the text of the configuration when neither a file nor a model brings one.
    """

    program: str
    engine_type: str
    options: ServerOptions
    address: Address
    datadir: str
    logdir: str
    log_config: str
    configpath: str
    model_file: str
    default_config: str = ""


def no_configuration() -> StartError:
    """There is nothing to begin with."""
    return StartError("config path or model file must be specified for standalone mode", usage=True)


def check_early(options: ServerOptions) -> tuple[Address, str]:
    """The address, and the path of the log configuration: what must be known before there is a log.

    Raises `StartError`.
    """
    try:
        address = choose_address(options.listen_addr, options.listen_if)
    except DumaError as error:
        raise StartError(f"exception in main thread: {error}", status=255) from error
    try:
        return address, _real_path(options.log_config, "--log_config")
    except StartError as error:
        raise StartError(str(error), status=255) from error


def check_options(
    program: str,
    engine_type: str,
    options: ServerOptions,
    address: Address,
    log_config: str,
    default_config: str = "",
) -> Settings:
    """Everything else, in the order of the original. Raises `StartError`."""
    distributed = bool(options.zookeeper)
    if distributed and not options.name:
        raise StartError("can't start multinode mode without name specified", usage=True)
    # With a journal, the server may have left a configuration behind: that is looked for later.
    named = options.configpath or options.model_file or default_config or options.journal != "off"
    if not distributed and not named:
        raise no_configuration()
    configpath = _real_path(options.configpath, "--configpath")
    model_file = _real_path(options.model_file, "--model_file")
    if distributed and options.zookeeper_timeout < 1:
        raise StartError("can't start with zookeeper_timeout less than 1", usage=True)
    if distributed and options.interconnect_timeout < 1:
        raise StartError("can't start with interconnect_timeout less than 1", usage=True)
    # An empty directory is the root: that is where Jubatus puts its files then.
    datadir = _real_path(options.datadir or "/", "--datadir")
    _check_writable(datadir, "can't use datadir", usage=True)
    logdir = _real_path(options.logdir, "--logdir")
    if logdir:
        _check_writable(logdir, "can't write to the ZooKeeper log directory", usage=False)
    if distributed:
        raise StartError(
            "clusters (--zookeeper) are not supported yet: "
            "start without --zookeeper to run standalone in this version"
        )
    if options.mixer not in MIXERS:
        raise StartError(
            f"exception in main thread: unsupported mix type ({options.mixer}): not {' or '.join(MIXERS)}",
            log_level=logging.CRITICAL,
        )
    if options.load_policy not in LOAD_POLICIES:
        raise StartError(
            f"option value is invalid: --load_policy={options.load_policy} (not {', '.join(LOAD_POLICIES)})",
            usage=True,
        )
    if options.journal not in JOURNAL_MODES:
        raise StartError(
            f"option value is invalid: --journal={options.journal} (not {', '.join(JOURNAL_MODES)})",
            usage=True,
        )
    if options.backup_to and options.journal == "off":
        raise StartError(
            "--backup_to needs a journal: give --journal interval or --journal always", usage=True
        )
    return Settings(
        program=program,
        engine_type=engine_type,
        options=dataclasses.replace(options, backup_to=_absolute(options.backup_to)),
        address=address,
        datadir=datadir,
        logdir=logdir,
        log_config=log_config,
        configpath=configpath,
        model_file=model_file,
        default_config=default_config,
    )


def _real_path(path: str, option: str) -> str:
    if not path:
        return ""
    try:
        return str(Path(path).resolve(strict=True))
    except OSError as error:
        why = error.strerror or str(error)
    except (ValueError, RuntimeError) as error:  # a NUL in the path, a loop of links
        why = str(error)
    raise StartError(
        f"exception in main thread: Failed to get realpath: {option} {path}: {why}",
        log_level=logging.CRITICAL,
    )


def _absolute(place: str) -> str:
    """A folder for backups, which need not exist yet, by its absolute path; a URL as it is."""
    return place if not place or "://" in place else str(Path(place).expanduser().absolute())


def _check_writable(directory: str, text: str, *, usage: bool) -> None:
    if not Path(directory).is_dir():
        raise StartError(f"{text}: Not a directory: {directory}", usage=usage)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StartError(f"{text}: Permission denied: {directory}", usage=usage)
