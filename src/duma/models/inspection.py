"""Everything that can be said about a model file, as JSON values; also of damaged ones."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from duma.configuration import read_configuration
from duma.errors import DumaError
from duma.models.layouts import layout
from duma.store.files import DiskFiles
from duma.store.partial_model_file import SystemData, read_what_is_there


def inspect(path: Path, top: int) -> dict[str, Any]:
    """Header, system data, configuration and content, with the `top` largest features of each label.

    What cannot be read is None, and `problem` and `model_problem` say why. Raises `OSError` when the file
    cannot be read at all.
    """
    with read_what_is_there(DiskFiles(), path) as file:
        header, system, model = file.header, file.system, None
        problem, model_problem = file.problem, ""
        if system is not None and file.user_data is not None:
            try:
                model = layout(system.engine_type, system.config_text).details(file.user_data, top)
            except DumaError as error:
                model_problem = str(error)
        return {
            "path": str(path),
            "size": file.size,
            "sound": not problem,
            "problem": problem or None,
            "header": None
            if header is None
            else {
                "format_version": header.format_version,
                "version": ".".join(map(str, header.version)),
                "crc32": f"{header.crc32:08x}",
                "system_data_size": header.system_size,
                "user_data_size": header.user_size,
            },
            "system": None if system is None else _system(system),
            "configuration": None if system is None else _configuration(system),
            "model": model,
            "model_problem": model_problem or None,
        }


def _system(system: SystemData) -> dict[str, Any]:
    return {
        "engine": system.engine_type,
        "id": system.model_id,
        "timestamp": system.timestamp,
        "time": iso_time(system.timestamp),
    }


def iso_time(timestamp: int) -> str | None:
    """Unix time in seconds as ISO 8601 in UTC; None for what is no time."""
    try:
        return datetime.fromtimestamp(timestamp, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def _configuration(system: SystemData) -> Any:
    """The configuration's value, or its text where that is not JSON."""
    try:
        return read_configuration(system.config_text)[1]
    except DumaError:
        return system.config_text
