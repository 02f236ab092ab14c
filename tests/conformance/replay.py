"""Replays a transcript: calls that Jubatus 1.1.1 was asked, with the answers that it gave.

Each call says how its answer is compared: `any`; `save` (a map from the server to a file that exists); one of those in
`comparison.py`. Where an error was recorded an error must come, whatever its words.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import msgpack
from comparison import same

FOLDER = Path(__file__).parent


def transcripts() -> list[str]:
    """The names of all transcripts here."""
    return sorted(path.stem for path in (FOLDER / "transcripts").glob("*.json"))


def load(name: str) -> dict[str, Any]:
    """A transcript by its name."""
    transcript: dict[str, Any] = json.loads((FOLDER / "transcripts" / f"{name}.json").read_text())
    return transcript


def recorded_model(name: str) -> Path:
    """The model file that Jubatus saved where the transcript saves."""
    return FOLDER / "models" / f"{name}.jubatus"


class Differs(AssertionError):
    """An answer is not the recorded one."""


def replay(transcript: dict[str, Any], connection: Any, model: Path | None = None) -> None:
    """Make all calls over a socket and compare. `model` stands in for the saved file at the first load."""
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
    saved: Path | None = None
    for number, call in enumerate(transcript["calls"]):
        if call["method"] == "load" and "error" not in call and saved and model:
            shutil.copy(model, saved)
            model = None
        request = [0, number, call["method"], ["", *call["params"]]]
        connection.sendall(msgpack.packb(request, use_bin_type=False))
        kind, msgid, error, result = _receive(unpacker, connection)
        assert (kind, msgid) == (1, number)
        error, result = _text(error), _text(result)
        if not _same(call, error, result):
            expected = call.get("error", call.get("result"))
            raise Differs(
                f"call {number}, {call['method']}: expected {expected!r}, got {error!r}, {result!r}"
            )
        if call["compare"] == "save":
            saved = Path(next(iter(result.values())))


def _receive(unpacker: msgpack.Unpacker, connection: Any) -> Any:
    while True:
        for message in unpacker:
            return message
        data = connection.recv(1 << 20)
        if not data:
            raise EOFError("the server closed the connection")
        unpacker.feed(data)


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, list):
        return [_text(v) for v in value]
    if isinstance(value, dict):
        return {_text(k): _text(v) for k, v in value.items()}
    return value


def _same(call: dict[str, Any], error: Any, result: Any) -> bool:
    if call["compare"] == "any":
        return True
    if call["compare"] == "save":
        return error is None and len(result) == 1 and all(Path(path).is_file() for path in result.values())
    if "error" in call:
        return error is not None
    return error is None and same(call["compare"], result, call["result"])
