"""What the burst engine has learned: keywords, the documents counted for each, and the bursts found.

User data:

    [options, {keyword: [[scaling, gamma], results]}, {keyword: counted}]
    options   [window_batch_size, batch_interval, result_window_rotate_size, max_reuse_batch_num, costcut_threshold]
    results   [[[[[d, r, weight]...], start, batch_interval]...], result_window_rotate_size, oldest unmixed start]
    counted   [[[[[d, r]...], start, batch_interval]...], window_batch_size, batch_interval, result_window_rotate_size]

Windows are from the newest to the oldest. In a cluster a server counts for some of the keywords only; the last map has
those.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple
from typing import Any, NamedTuple

from duma.engines.burst_windows import Batch, Counted, Counter, Options, Result, Results, recomputed
from duma.engines.packed import (
    LazySnapshot,
    broken,
    fields,
    in_pieces,
    integer,
    number,
    packer,
    read_user_data,
    text,
)
from duma.engines.wire_types import Int, raw

_MOST_DOCUMENTS = 2**31 - 1
_PROGRESS = 256  # keywords between two reports


class Keyword(NamedTuple):
    """A keyword's parameters and windows. Never changed, but replaced.

    `counted` is None where another server counts.
    """

    scaling: float
    gamma: float
    results: Results = Results()
    counted: tuple[Counted, ...] | None = ()


class BurstModel:
    """Keywords, in the order in which they were added.

    All keywords' records change at once at the end of an update, and the lock is held for that only.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._keywords: dict[str, Keyword] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Keywords."""
        return len(self._keywords)

    def keywords(self) -> list[tuple[str, Keyword]]:
        """All keywords."""
        with self._lock:
            return list(self._keywords.items())

    def keyword(self, keyword: str) -> Keyword | None:
        """One keyword, if it is known."""
        return self._keywords.get(keyword)

    def add_keyword(self, keyword: str, scaling: float, gamma: float) -> bool:
        """Begin to count for a keyword; false if it is known."""
        with self._lock:
            if keyword in self._keywords:
                return False
            self._keywords[keyword] = Keyword(scaling, gamma)
            return True

    def remove_keyword(self, keyword: str) -> bool:
        """Forget a keyword; false if it is not known."""
        with self._lock:
            return self._keywords.pop(keyword, None) is not None

    def add_documents(self, documents: Sequence[tuple[float, bytes]]) -> int:
        """Count documents (position and text), and look for bursts; returns how many every keyword accepted."""
        counters = [
            (keyword, raw(keyword), Counter(self.options, known.counted))
            for keyword, known in self._keywords.items()
            if known.counted is not None
        ]
        accepted = 0
        for position, content in documents:
            # Each keyword counts it, whatever the others do.
            counted = [counter.add(position, word in content) for _, word, counter in counters]
            accepted += all(counted)
        changed = {keyword: self._changed(keyword, counter, accepted > 0) for keyword, _, counter in counters}
        with self._lock:
            self._keywords.update(changed)
        return accepted

    def _changed(self, keyword: str, counter: Counter, recompute: bool) -> Keyword:
        old, counted = self._keywords[keyword], counter.windows()
        if not recompute or not counted:
            return old._replace(counted=counted)
        results, counted = recomputed(self.options, old.scaling, old.gamma, old.results, counted)
        return Keyword(old.scaling, old.gamma, results, counted)

    def snapshot(self) -> LazySnapshot:
        """The user data as they are now."""
        with self._lock:
            return BurstData(self.options, self._keywords.copy()).packed()

    def restore(self, data: "BurstData") -> None:
        """Fill an empty model."""
        self._keywords = dict(data.keywords)


class BurstData(NamedTuple):
    """What user data hold."""

    options: Options
    keywords: dict[str, Keyword]

    def packed(self) -> LazySnapshot:
        """The user data."""
        return LazySnapshot(self._chunks)

    def _chunks(self) -> Iterator[bytes]:
        out, options = packer(), self.options
        interval, most = options.batch_interval, options.result_window_rotate_size
        yield out.pack_array_header(2) + out.pack(1) + out.pack_array_header(3) + out.pack(astuple(options))

        def found(known: Keyword) -> Any:
            results = [(window.batches, window.start, interval) for window in known.results.windows]
            return (known.scaling, known.gamma), (results, most, known.results.oldest_unmixed)

        def counted(windows: Sequence[Counted]) -> Any:
            packed = [(window.batches, window.start, interval) for window in windows]
            return packed, options.window_batch_size, interval, most

        yield out.pack_map_header(len(self.keywords))
        yield from in_pieces(
            out.pack(keyword) + out.pack(found(known)) for keyword, known in self.keywords.items()
        )
        here = [
            (keyword, known.counted) for keyword, known in self.keywords.items() if known.counted is not None
        ]
        yield out.pack_map_header(len(here))
        yield from in_pieces(out.pack(keyword) + out.pack(counted(windows)) for keyword, windows in here)


def read_burst_model(user_data: memoryview, progress: Callable[[int], None] | None = None) -> BurstModel:
    """The model in user data. Raises `ModelFileError`."""
    data = read_burst_data(user_data, progress)
    model = BurstModel(data.options)
    model.restore(data)
    return model


def read_burst_data(user_data: memoryview, progress: Callable[[int], None] | None = None) -> BurstData:
    """What user data hold. Raises `ModelFileError`."""
    reader, elements = read_user_data(user_data, "the burst engine's data")
    if elements != 3:
        broken(f"the burst engine's data is an array of {elements}, not of 3")
    options = _options(reader.value("the options"))
    keywords = {}
    for count in range(reader.map("the keywords")):
        keyword = text(reader.value("a keyword"), "a keyword")
        keywords[keyword] = _keyword(reader.value("a keyword's results"), options)
        if progress is not None and count % _PROGRESS == 0:
            progress(reader.position)
    for _ in range(reader.map("the counted windows")):
        keyword = text(reader.value("a keyword"), "a keyword")
        if keyword not in keywords:
            broken("windows are counted for a keyword that there is not")
        counted = _counted(reader.value("the counted windows of a keyword"), options)
        keywords[keyword] = keywords[keyword]._replace(counted=counted)
    return BurstData(options, keywords)


def _options(value: Any) -> Options:
    size, interval, most, reused, threshold = fields(value, 5, "the options")
    options = Options(
        integer(size, "the size of windows"),
        number(interval, "the interval"),
        integer(most, "the number of windows"),
        integer(reused, "the number of batches to reuse"),
        number(threshold, "the threshold"),
    )
    if min(options.window_batch_size, options.result_window_rotate_size) < 1:
        broken("a window or the number of windows is 0")
    if not 0 < options.batch_interval < math.inf:
        broken(f"the interval is {options.batch_interval:g}")
    return options


def _keyword(value: Any, options: Options) -> Keyword:
    parameters, stored = fields(value, 2, "a keyword")
    scaling, gamma = (number(each, "a parameter") for each in fields(parameters, 2, "a keyword's parameters"))
    if not scaling > 1 or not gamma > 0:
        broken(f"a keyword has the scaling {scaling:g} and the gamma {gamma:g}")
    windows, _, oldest = fields(stored, 3, "a keyword's results")
    if type(windows) is not list:
        broken("a keyword's results are not an array")
    results = []
    for window in windows:
        batches, start = _window(window, options)
        if batches:  # Jubatus has windows without any for "no result"
            results.append(Result(start, tuple(map(_batch, batches))))
    return Keyword(scaling, gamma, Results(tuple(results), number(oldest, "the oldest unmixed start")), None)


def _counted(value: Any, options: Options) -> tuple[Counted, ...]:
    windows, *_ = fields(value, 4, "the counted windows of a keyword")  # what follows is in the options
    if type(windows) is not list:
        broken("the counted windows of a keyword are not an array")
    counted = []
    for window in windows:
        batches, start = _window(window, options)
        if len(batches) != options.window_batch_size:
            broken(f"a window has {len(batches)} batches, not {options.window_batch_size}")
        counted.append(Counted(start, tuple(_counts(*fields(batch, 2, "a batch")) for batch in batches)))
    return tuple(counted)


def _window(value: Any, options: Options) -> tuple[list[Any], float]:
    batches, start, interval = fields(value, 3, "a window")
    if type(batches) is not list:
        broken("the batches of a window are not an array")
    start = number(start, "where a window begins")
    if batches and (number(interval, "an interval") != options.batch_interval or not math.isfinite(start)):
        broken(
            f"a window begins at {start:g} and has batches of {interval:g}, not {options.batch_interval:g}"
        )
    return batches, start


def _batch(value: Any) -> Batch:
    documents, relevant, weight = fields(value, 3, "a batch")
    d, r = _counts(documents, relevant)
    return Batch(Int(d), Int(r), number(weight, "the weight of a batch"))


def _counts(documents: Any, relevant: Any) -> tuple[int, int]:
    documents, relevant = (
        integer(documents, "a count of documents"),
        integer(relevant, "a count of documents"),
    )
    if not relevant <= documents <= _MOST_DOCUMENTS:
        broken(f"a batch has {relevant} documents with a keyword among {documents}")
    return documents, relevant
