"""An engine of about thirty lines, in Python alone: everything that a new engine has to bring."""

from collections.abc import Callable, Iterator
from typing import Any

from duma.configuration import Integer, Object, check
from duma.engines.declaration import CHT1, Aggregator, analysis, update
from duma.engines.engine import Engine
from duma.engines.wire_types import pack, unpack, wire_type
from duma.errors import ArgumentMismatch, ModelFileError

COUNTS = wire_type(dict[str, int])


class TallySnapshot:
    """The counts as they were at one moment."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._data = pack([1, counts])
        self.size = len(self._data)

    def chunks(self) -> Iterator[bytes]:
        yield self._data


class Tally(Engine):
    """Counts how often each word was pushed."""

    type = "tally"

    def build(self, configuration: Any) -> None:
        self._step: int = check(Object(mandatory={"step": Integer()}), configuration)["step"]
        self._counts: dict[str, int] = {}

    @update(route=CHT1, aggregator=Aggregator.ALL_AND)
    def push(self, words: list[str]) -> bool:
        """Count each word; returns true."""
        for word in words:
            self._counts[word] = self._counts.get(word, 0) + self._step
        return True

    @analysis(route=CHT1)
    def count(self, word: str) -> int:
        """How often a word was pushed, times the step."""
        return self._counts.get(word, 0)

    def forget(self) -> None:
        self._counts = {}

    def status(self) -> dict[str, str]:
        return {"num_words": str(len(self._counts))}

    def snapshot(self) -> TallySnapshot:
        return TallySnapshot(self._counts)

    def read_model(self, user_data: memoryview, progress: Callable[[int], None] | None = None) -> Any:  # noqa: ARG002
        try:
            return COUNTS.from_wire(unpack(user_data)[1])
        except ArgumentMismatch as error:
            raise ModelFileError(f"user data is broken: {error}") from error

    def adopt(self, model: Any) -> None:
        self._counts = model
