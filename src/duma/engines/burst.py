"""The burst engine: keywords that come more densely than usual in a stream of documents."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from duma.configuration import Float64, Integer, InvalidParameter, check, located
from duma.configuration_form import Choice, Condition, Form, Member
from duma.engines.burst_model import BurstModel, Keyword, read_burst_model
from duma.engines.burst_windows import Batch, Options, Result
from duma.engines.declaration import BROADCAST, CHT2, RANDOM, Aggregator, analysis, update
from duma.engines.engine import Engine, Snapshot
from duma.engines.wire_types import raw
from duma.errors import DumaError


def _above_0(name: str) -> Condition:
    return Condition(f"{name} should > 0", lambda value: value > 0)


_PARAMETER = Form(
    "Kleinberg's two-state model",
    {
        "window_batch_size": Member(
            Integer(), "the batches of a window", example=5, condition=_above_0("window_batch_size")
        ),
        "batch_interval": Member(
            Float64(),
            "the length of a batch, in the unit of positions",
            example=10,
            condition=_above_0("batch_interval"),
        ),
        "result_window_rotate_size": Member(
            Integer(),
            "how many windows of a keyword are kept",
            example=5,
            condition=_above_0("result_window_rotate_size"),
        ),
        "max_reuse_batch_num": Member(
            Integer(),
            "how many batches of a window keep the state that the window before gave them",
            example=5,
            condition=Condition("max_reuse_batch_num should >= 0", lambda batches: batches >= 0),
        ),
        "costcut_threshold": Member(
            Float64(),
            "no burst where it would cost so much more; 0 or less: no such limit",
            example=-1,
        ),
    },
)
_METHODS = Choice("method", "parameter", {"burst": _PARAMETER}, parameters_needed=True, any_name=True)
_FORM = Form("finds bursts of keywords", choices=(_METHODS,))

_NO_THRESHOLD = 1.7976931348623157e308
_MOST_BATCHES = 100_000  # of a window: more would take minutes for an update
_SLOW_BATCHES = 100  # as many take about a millisecond
_SLOW_KEYWORDS = 300


def read_burst_configuration(configuration: Any) -> Options:
    """The options of a parsed configuration, whose `method` may be any text.

    Raises `ConfigurationError`, or one of its kinds, in the words of Jubatus.
    """
    top = check(_FORM.schema, configuration)
    parameter = check(_PARAMETER.schema, top["parameter"], ".parameter")
    _PARAMETER.require(parameter, ".parameter")
    if (batches := parameter["window_batch_size"]) > _MOST_BATCHES:
        with located(".parameter.window_batch_size"):
            raise InvalidParameter(f"window_batch_size should <= {_MOST_BATCHES}", f"it is {batches}")
    if not parameter["costcut_threshold"] > 0:
        parameter["costcut_threshold"] = _NO_THRESHOLD
    return Options(**parameter)


class Document(NamedTuple):
    """A text at a position in a stream, such as its time."""

    pos: float
    text: str


class KeywordWithParams(NamedTuple):
    """A keyword; `scaling_param` (above 1) times as frequent as usual it bursts, and `gamma` (above 0) is what the
    beginning of a burst costs."""

    keyword: str
    scaling_param: float
    gamma: float


class Window(NamedTuple):
    """The batches of a window that begins at `start_pos`; -1 and no batches where there is none."""

    start_pos: float
    batches: list[Batch]


class RefusedKeyword(DumaError):
    """A keyword with parameters that are not allowed."""


class Burst(Engine):
    """Counts documents with and without keywords in windows of batches, and says in which batches a keyword bursts."""

    type = "burst"
    configuration_form = _FORM

    def build(self, configuration: Any) -> None:
        self._model = BurstModel(read_burst_configuration(configuration))

    @update(route=BROADCAST, slow=lambda engine: engine.batch_count > _SLOW_BATCHES)
    def add_documents(self, data: list[Document]) -> int:
        """Count documents; returns how many were accepted: those not older than the newest window of any keyword."""
        return self._model.add_documents([(document.pos, raw(document.text)) for document in data])

    @analysis(route=CHT2)
    def get_result(self, keyword: str) -> Window:
        """The newest window of a keyword."""
        known = self._model.keyword(keyword)
        return _window(known.results.windows[0] if known is not None and known.results.windows else None)

    @analysis(route=CHT2)
    def get_result_at(self, keyword: str, pos: float) -> Window:
        """The newest window of a keyword that has a position."""
        known = self._model.keyword(keyword)
        return _window(known.results.at(self._model.options, pos) if known is not None else None)

    @analysis(
        route=BROADCAST,
        aggregator=Aggregator.MERGE,
        slow=lambda engine: engine.keyword_count > _SLOW_KEYWORDS,
    )
    def get_all_bursted_results(self) -> dict[str, Window]:
        """The newest windows of the keywords that burst in their last batch."""
        return {
            keyword: _window(found)
            for keyword, known in self._counted_here()
            if (found := next(iter(known.results.windows), None)) and found.batches[-1].burst_weight > 0
        }

    @analysis(
        route=BROADCAST,
        aggregator=Aggregator.MERGE,
        slow=lambda engine: engine.keyword_count > _SLOW_KEYWORDS,
    )
    def get_all_bursted_results_at(self, pos: float) -> dict[str, Window]:
        """The windows with a position of the keywords that burst in the batch with it."""
        options = self._model.options
        return {
            keyword: _window(found)
            for keyword, known in self._counted_here()
            if (found := known.results.at(options, pos)) and _bursts_at(options, found, pos)
        }

    @analysis(route=RANDOM, slow=lambda engine: engine.keyword_count > _SLOW_KEYWORDS)
    def get_all_keywords(self) -> list[KeywordWithParams]:
        """All keywords, in the order in which they were added."""
        return [
            KeywordWithParams(keyword, known.scaling, known.gamma)
            for keyword, known in self._model.keywords()
        ]

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def add_keyword(self, keyword: KeywordWithParams) -> bool:
        """Begin to count for a keyword; false if it is known."""
        if not keyword.scaling_param > 1:
            raise RefusedKeyword("invalid parameter (expected: scaling_param must be > 1.)")
        if not keyword.gamma > 0:
            raise RefusedKeyword("invalid parameter (expected: gamma must be > 0.)")
        return self._model.add_keyword(*keyword)

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def remove_keyword(self, keyword: str) -> bool:
        """Forget a keyword and its windows; false if it is not known."""
        return self._model.remove_keyword(keyword)

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND)
    def remove_all_keywords(self) -> bool:
        """Forget all keywords and their windows; returns true."""
        self.forget()
        return True

    @property
    def keyword_count(self) -> int:
        """Keywords."""
        return len(self._model)

    @property
    def batch_count(self) -> int:
        """Batches that are gone through when documents come."""
        return (
            len(self._model) * self._model.options.window_batch_size * 2
        )  # windows overlap the next one only

    def _counted_here(self) -> list[tuple[str, Keyword]]:
        return [(keyword, known) for keyword, known in self._model.keywords() if known.counted is not None]

    def forget(self) -> None:
        self._model = BurstModel(self._model.options)

    def status(self) -> dict[str, str]:
        keywords = self._model.keywords()
        return {
            "all_keywords": ",".join(keyword for keyword, _ in keywords),
            "processed_keywords": ",".join(
                keyword for keyword, known in keywords if known.counted is not None
            ),
        }

    def snapshot(self) -> Snapshot:
        return self._model.snapshot()

    def read_model(self, user_data: memoryview, progress: Callable[[int], None] | None = None) -> BurstModel:
        return read_burst_model(user_data, progress)

    def adopt(self, model: BurstModel) -> None:
        self._model = model


def _window(result: Result | None) -> Window:
    return Window(-1.0, []) if result is None else Window(result.start, list(result.batches))


def _bursts_at(options: Options, result: Result, position: float) -> bool:
    batch = math.floor((position - result.start) / options.batch_interval)
    return batch < len(result.batches) and result.batches[batch].burst_weight > 0
