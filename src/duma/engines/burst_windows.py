"""Windows of batches: where documents are counted, and what was found in them.

A position lies in one batch of an interval h; a window is n batches in a row. Windows of one keyword lie on one grid,
and follow each other with an overlap of half a window, so that a burst at the end of one is seen whole in the next.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from duma.engines.burst_detection import Counts, burst_weights
from duma.engines.wire_types import Int

_SAME = 0.01  # of an interval: positions that are so near are one


class Batch(NamedTuple):
    """The documents in a batch, those with the keyword, and how much it bursts (0: not at all)."""

    all_data_count: Int
    relevant_data_count: Int
    burst_weight: float


class Result(NamedTuple):
    """What was found in a window. Never changed, but replaced."""

    start: float
    batches: tuple[Batch, ...]


class Counted(NamedTuple):
    """The documents that were counted in a window. Never changed, but replaced."""

    start: float
    batches: tuple[Counts, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """The parameters of all keywords."""

    window_batch_size: int  # n, batches of a window, at least 1
    batch_interval: float  # h, above 0
    result_window_rotate_size: int  # windows that are kept, at least 1
    max_reuse_batch_num: int  # batches whose weights are taken over from the window before, at least 0
    costcut_threshold: float  # see `burst_weights`

    def batch_of(self, position: float, start: float) -> int | None:
        """Which batch of a window that begins at `start` a position is in; it may be none of the window's own.

        None where doubles cannot say.
        """
        batch = (position - start) / self.batch_interval
        return math.floor(batch) if math.isfinite(batch) else None

    def end(self, window: Result | Counted) -> float:
        """Where a window ends."""
        return window.start + self.batch_interval * len(window.batches)

    def same_start(self, a: float, b: float) -> bool:
        """Whether two windows begin at one position."""
        return abs(a - b) < _SAME * self.batch_interval

    def overlap(self, a: Result | Counted, b_start: float, b_size: int) -> tuple[range, int]:
        """The batches of `a` that another window has as well, and what to take off for their places there."""
        begin = self._boundary(b_start, a.start)
        end = self._boundary(b_start + self.batch_interval * b_size, a.start)
        if begin is None or end is None:
            return range(0), 0
        size = len(a.batches)
        return range(min(max(begin, 0), size), min(max(end, 0), size)), begin

    def _boundary(self, position: float, start: float) -> int | None:
        """The number of the batch that begins at a position; None where none does."""
        interval = self.batch_interval
        number = self.batch_of(position + interval / 2, start)
        if number is None or not abs(position - (start + number * interval)) / interval < _SAME:
            return None
        return number


class Counter:
    """Counts documents for one keyword. Windows are from the newest to the oldest."""

    def __init__(self, options: Options, windows: Sequence[Counted]) -> None:
        self._options = options
        self._windows = [(window.start, [list(counts) for counts in window.batches]) for window in windows]

    def add(self, position: float, relevant: bool) -> bool:
        """Count a document; false if it is older than the newest window."""
        if not self._make_room(position):
            return False
        counted = False
        for start, batches in self._windows:
            batch = self._options.batch_of(position, start)
            if batch is None or not 0 <= batch < len(batches):
                break
            batches[batch][0] += 1
            batches[batch][1] += relevant
            counted = True
        return counted

    def windows(self) -> tuple[Counted, ...]:
        """The windows as they are now."""
        return tuple(Counted(start, tuple((d, r) for d, r in batches)) for start, batches in self._windows)

    def _make_room(self, position: float) -> bool:
        """See that the newest window is not older than the position; false where doubles have no such window."""
        options, size = self._options, self._options.window_batch_size
        newest = Counted(0.0, ())
        if self._windows:
            start, batches = self._windows[0]
            if position < start + options.batch_interval * len(batches):
                return True
            newest = Counted(start, tuple((d, r) for d, r in batches))
        batch = options.batch_of(position, newest.start)
        if batch is None:
            return False
        start = newest.start + options.batch_interval * (batch - size // 2)
        placed = options.batch_of(position, start)
        if placed is None or not 0 <= placed < size:
            return False
        batches = [[0, 0] for _ in range(size)]
        shared, shift = options.overlap(newest, start, size)
        for i in shared:
            batches[i - shift] = list(newest.batches[i])
        self._windows.insert(0, (start, batches))
        del self._windows[options.result_window_rotate_size :]
        return True


class Results(NamedTuple):
    """What was found for one keyword, from the newest window to the oldest. Never changed, but replaced.

    `oldest_unmixed` is where the oldest window begins that changed since the last MIX.
    """

    windows: tuple[Result, ...] = ()
    oldest_unmixed: float = 1.7976931348623157e308

    def at(self, options: Options, position: float) -> Result | None:
        """The newest window with a position."""
        return next((w for w in self.windows if w.start <= position < options.end(w)), None)

    def stored(self, options: Options, new: Result) -> "Results":
        """The same with another window, in the place of the one at its position if there is one.

        One that is older than all of several is not kept.
        """
        windows = list(self.windows)
        if not windows:
            windows.append(new)
        for place, window in enumerate(windows):
            if options.same_start(window.start, new.start):
                windows[place] = new
                break
            if window.start < new.start:
                windows.insert(place, new)
                break
        oldest = min(self.oldest_unmixed, new.start)
        return Results(tuple(windows[: options.result_window_rotate_size]), oldest)


def recomputed(
    options: Options, scaling: float, gamma: float, results: Results, counted: Sequence[Counted]
) -> tuple[Results, tuple[Counted, ...]]:
    """The results of all counted windows, from the oldest on, and the windows that are still of use.

    Each window takes over the weights of its first batches from the result before it. `counted` has the newest
    window first, and at least one.
    """
    previous = results.at(options, counted[-1].start - options.batch_interval / 2)
    for window in reversed(counted):
        known: list[float] = []
        if previous is not None and previous.start <= window.start:
            shared, _ = options.overlap(previous, window.start, len(window.batches))
            known = [previous.batches[i].burst_weight for i in shared[: options.max_reuse_batch_num]]
        weights = burst_weights(window.batches, known, scaling, gamma, options.costcut_threshold)
        batches = zip(window.batches, weights, strict=True)
        previous = Result(window.start, tuple(Batch(Int(d), Int(r), weight) for (d, r), weight in batches))
        results = results.stored(options, previous)
    newest, kept = counted[0], list(counted)
    while len(kept) > 1 and not options.overlap(kept[-1], newest.start, len(newest.batches))[0]:
        kept.pop()
    return results, tuple(kept)
