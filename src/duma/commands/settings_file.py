"""The settings file of `duma serve`: its options, in TOML.

    port = 9200
    datadir = "/var/lib/duma"

    [journal]
    mode = "always"
    segment-size = "16M"

    [keep]
    hours = 24

A table groups options whose names begin alike: `interval` in `[journal]` is `--journal-interval`, and `mode` is the
option that the table is named after. The command line and the environment win over the file.
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from duma.errors import ConfigurationError


def read_settings(path: Path, options: Mapping[str, str]) -> dict[str, Any]:
    """The values in a settings file, by field. `options` has the fields by the options' names without dashes.

    Raises `ConfigurationError` that names file and key, and `OSError`.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{path} is not TOML: {error}"]) from error
    values: dict[str, Any] = {}
    problems = []
    for key, name, value in _entries(tables, options):
        if name not in options:
            problems.append(f"{path}: {key} is no option of `duma serve`")
        elif isinstance(value, (dict, list, float)):
            problems.append(f"{path}: {key} must be a text, a whole number, or true or false")
        else:
            values[options[name]] = value
    if problems:
        raise ConfigurationError(problems)
    return values


def _entries(tables: Mapping[str, Any], options: Collection[str]) -> Iterator[tuple[str, str, Any]]:
    """Key in the file, name of the option, value."""
    for key, value in tables.items():
        name = key.replace("_", "-")
        if not isinstance(value, dict):
            yield key, name, value
            continue
        for inner, inner_value in value.items():
            is_mode = inner == "mode" and name in options
            yield f"{key}.{inner}", name if is_mode else f"{name}-{inner.replace('_', '-')}", inner_value
