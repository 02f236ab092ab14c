"""What to type after a model was made somewhere."""

import re
from pathlib import Path

_SERVED_FOLDER = re.compile(r"(?P<address>.+)_(?P<port>\d+)_(?P<type>[a-z_]+)")


def next_step(target: Path, engine_type: str, *, is_folder: bool) -> str:
    """How a server is started on a model file or a data folder."""
    serve = f"duma serve {engine_type}"
    if not is_folder:
        return f"{serve} --model-file {target}"
    match = _SERVED_FOLDER.fullmatch(target.name)
    if match and match["type"] == engine_type:
        return f"{serve} --datadir {target.parent} --listen {match['address']} --port {match['port']}"
    return (
        f"{serve}, when the folder has the name <address>_<port>_{engine_type} in the datadir of that server"
    )
