"""Engines whose model is one of the core's: it saves, loads and forgets by itself."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

from duma import _core
from duma.engines.engine import Engine
from duma.errors import ModelFileError


class CoreEngine(Engine):
    """Base of the engines that are nothing but a core model, `self._model`, which `build` makes."""

    _model: Any

    def forget(self) -> None:
        self._model.clear()

    def status(self) -> dict[str, str]:
        return dict(self._model.status())

    def snapshot(self) -> "ModelSnapshot":
        return ModelSnapshot(self._model.snapshot())

    def read_model(self, user_data: memoryview, progress: Callable[[int], None] | None = None) -> Any:
        model = self._model.empty_copy()
        try:
            model.load(user_data, progress)
        except (_core.TypeMismatch, _core.Malformed) as error:
            raise ModelFileError(f"user data is broken: {error}") from error
        return model

    def adopt(self, model: Any) -> None:
        self._model = model


class ModelSnapshot:
    """A core model's user data, piece by piece (see `duma.engines.engine.Snapshot`)."""

    _PIECE = 1 << 20  # bytes

    def __init__(self, snapshot: _core.Snapshot) -> None:
        self._snapshot = snapshot

    @cached_property
    def size(self) -> int:
        """Bytes of all pieces. Found by going through the model, so not while updates wait."""
        size: int = self._snapshot.size
        return size

    def chunks(self) -> Iterator[bytes]:
        """The pieces, in order; may be read once."""
        while piece := self._snapshot.next(self._PIECE):
            yield piece
