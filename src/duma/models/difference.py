"""Where two model files differ, as JSON values.

The time of saving, the id and the writer's version are shown, but two files are the same without them:
whoever compares wants to know whether the models are.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from duma.configuration import read_configuration
from duma.errors import DumaError
from duma.models.inspection import iso_time
from duma.models.layouts import check_alike, layout
from duma.store.files import DiskFiles
from duma.store.model_file import ModelFile, read_model


def difference(path_a: Path, path_b: Path, *, tolerance: float = 0.0, top: int = 10) -> dict[str, Any]:
    """The differences; `same` says whether there is none that counts.

    Weights that differ by at most `tolerance` are equal; the `top` largest differences are named. Data of
    engines that cannot be looked into are compared as bytes. Raises `ModelFileError` for a file that is not
    sound.
    """
    files = DiskFiles()
    with read_model(files, path_a) as a, read_model(files, path_b) as b:
        configuration = list(_paths(_value(a), _value(b), ""))
        same_type = a.engine_type == b.engine_type
        with a.user_data as data_a, b.user_data as data_b:
            same_bytes = same_type and data_a == data_b
            model, why = None, None
            if same_type:
                try:
                    layout_a, layout_b = (layout(file.engine_type, file.config_text) for file in (a, b))
                    check_alike(layout_a, layout_b)
                    model = layout_a.difference(data_a, layout_b, data_b, tolerance, top)
                except DumaError as error:
                    why = f"compared as bytes: {error}"
        same_model = model["same"] if model is not None else same_bytes
        return {
            "same": same_type and not configuration and same_model,
            "header": [
                {"field": field, "a": old, "b": new} for field, old, new in _headers(a, b) if old != new
            ],
            "configuration": configuration,
            "same_user_data": same_bytes,
            "model": model,
            "model_problem": why,
        }


def _headers(a: ModelFile, b: ModelFile) -> Iterator[tuple[str, Any, Any]]:
    yield "engine", a.engine_type, b.engine_type
    yield "id", a.model_id, b.model_id
    yield "time", iso_time(a.timestamp), iso_time(b.timestamp)
    yield "version", ".".join(map(str, a.version)), ".".join(map(str, b.version))


def _value(file: ModelFile) -> Any:
    try:
        return read_configuration(file.config_text)[1]
    except DumaError:
        return file.config_text


def _paths(a: Any, b: Any, path: str) -> Iterator[dict[str, Any]]:
    """Every place at which two JSON values differ; an absent value is left out of its entry."""
    if type(a) is type(b) is dict:
        for name in sorted({*a, *b}):
            where = f"{path}.{name}"
            if name in a and name in b:
                yield from _paths(a[name], b[name], where)
            else:
                yield {"path": where, **({"a": a[name]} if name in a else {"b": b[name]})}
    elif type(a) is type(b) is list and len(a) == len(b):
        for i, (item_a, item_b) in enumerate(zip(a, b, strict=True)):
            yield from _paths(item_a, item_b, f"{path}[{i}]")
    elif type(a) is not type(b) or a != b:
        yield {"path": path, "a": a, "b": b}
