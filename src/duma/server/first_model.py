"""The engine that a server starts with: from a configuration file, or from a model file with its own."""

import logging
from pathlib import Path
from typing import Any

from duma.configuration import ConfigurationSyntaxError
from duma.engines.engine import Engine
from duma.engines.registry import engine_class
from duma.errors import ConfigurationError, DumaError
from duma.server.model_files import read_compatible, read_user_data
from duma.server.settings import Settings, StartError
from duma.store.files import DiskFiles
from duma.store.model_file import read_model

_log = logging.getLogger(__name__)


def first_engine(settings: Settings) -> tuple[Engine, Path | None]:
    """The engine, and the model file it was loaded from, if any. Raises `StartError`."""
    if settings.model_file:
        path = Path(settings.model_file)
        return _from_model(settings, path), path
    if settings.configpath:
        _log.info("load config from local file: %s", settings.configpath)
        return _build(settings, _read(Path(settings.configpath)), settings.configpath), None
    return _build(settings, settings.default_config, "built-in configuration"), None


def _from_model(settings: Settings, path: Path) -> Engine:
    converts = bool(settings.configpath) and settings.options.load_policy == "compatible"
    if settings.configpath and not converts:
        _log.info("both model file and configuration are specified; using configuration from model file")
    _log.info("load model from local file: %s", path)
    version = engine_class(settings.engine_type).user_data_version
    try:
        with read_model(DiskFiles(), path, user_data_version=version) as file:
            file.check(settings.engine_type, None)
            if converts:
                engine = _build(settings, _read(Path(settings.configpath)), settings.configpath)
                engine.adopt(read_compatible(engine, file))
            else:
                engine = _build(settings, file.config_text, f"{path}")
                engine.adopt(read_user_data(engine, file))
    except StartError:
        raise
    except DumaError as error:
        raise _fatal(f"exception in main thread: failed to load the model file: {error}") from error
    return engine


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        text = f"exception when loading config file: {path}: {error.strerror}"
        raise StartError(text, log_level=logging.ERROR) from error


def _build(settings: Settings, config_text: str, source: str) -> Engine:
    engine_type: Any = engine_class(settings.engine_type)
    try:
        engine: Engine = engine_type(config_text)
    except ConfigurationSyntaxError as error:
        text = f"syntax error in configuration: {source}:{error.line}:{error.column} {error.text}"
        raise StartError(text, log_level=logging.ERROR) from error
    except ConfigurationError as error:
        if not config_text.strip():
            raise _fatal(f"error in main thread: {error}: {source} is empty") from error
        if settings.options.config_test:
            raise StartError(_diagnostics(error, source)) from error
        raise _fatal(f"exception in main thread: {error}: {source}") from error
    except DumaError as error:
        raise _fatal(f"exception in main thread: {error}: {source}") from error
    _log.info("config loaded: %s", engine.config_text)
    return engine


def _diagnostics(error: ConfigurationError, source: str) -> str:
    lines = [f"    (#0) Message: {message}" for message in error.messages]
    return "\n".join(["Configuration error:", f"invalid configuration: {source}", *lines])


def _fatal(text: str) -> StartError:
    return StartError(text, log_level=logging.CRITICAL)
