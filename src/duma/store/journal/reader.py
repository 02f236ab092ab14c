"""Reading the journal, and telling a torn tail from damage.

The reader checks every frame and gives the records behind a position. When something is not as it must be, it
looks for the next good frame. If the bad place is in the last segment and no mark behind it says that it had
been synced, it is a torn tail, which a crash leaves: reading ends before it. Anything else is damage:
`JournalDamaged` is raised, unless damage is to be skipped or costs no record behind the position; then
reading goes on at the next good frame.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from duma.errors import JournalError
from duma.store.files import File, Files
from duma.store.journal.damage import Damage, End, JournalDamaged, TornTail
from duma.store.journal.frames import BadFrame, Frame, Window, good_frames, read_frames
from duma.store.journal.record import DURABLE, MARK, Record
from duma.store.journal.segment import HEADER_SIZE, BadSegmentHeader, Segment, read_header, segments


class JournalReader:
    """The records behind record `after`, by iterating once; then `end`, `tail` and `damages` are set.

    `after_checksum`, if given, must be the checksum of record `after` where the journal has it, and
    `identity` the journal's: a snapshot and a journal that do not belong together are refused by
    `JournalError`. `progress(done, total)` is told bytes, about every megabyte. `end` stays None if there is
    no segment to read.
    """

    def __init__(
        self,
        files: Files,
        folder: Path,
        *,
        after: int = 0,
        after_checksum: int | None = None,
        identity: int | None = None,
        skip_damaged: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        self.end: End | None = None
        self.tail: TornTail | None = None
        self.damages: list[Damage] = []
        self._files = files
        self._folder = folder
        self._after = after
        self._after_checksum = after_checksum
        self._identity = identity
        self._skip_damaged = skip_damaged
        self._progress = progress
        self._expected: int | None = None  # number of the next record, once a segment was begun
        self._checksum: int | None = None  # of the record before it, None behind lost ones
        # In the segment being read: behind the last good frame, and up to where all was synced for certain.
        self._offset = 0
        self._durable_offset = 0
        self._marks: list[tuple[int, int]] = []  # (sequence, offset) of marks not yet known to be synced

    def __iter__(self) -> Iterator[Record]:
        try:
            yield from self._read()
        except OSError as error:
            raise JournalError(
                f"journal cannot be read: {error.filename or self._folder}: {error.strerror or error}"
            ) from error

    def _read(self) -> Iterator[Record]:
        chosen = segments(self._files, self._folder)
        while len(chosen) > 1 and chosen[1].first <= self._after + 1:
            chosen.pop(0)
        if not chosen:
            return
        last = chosen[-1]
        identity = self._identity = last.identity if self._identity is None else self._identity
        done, total = 0, sum(self._size(segment) for segment in chosen)
        for segment, following in zip(chosen, [*chosen[1:], None], strict=True):
            if segment.identity != identity:
                raise self._foreign(
                    segment, 0, f"it is of journal {segment.identity:08x}, not {identity:08x}"
                )
            with self._files.open(segment.path) as file:
                window = Window(file, self._reporting(done, total))
                yield from self._read_segment(file, window, segment, following)
            done += window.size
        self._reporting(0, total)(done)
        assert self._expected is not None
        path = last.path if window.size >= HEADER_SIZE else None
        self.end = End(
            identity, self._expected - 1, self._checksum or 0, path, self._offset, self._durable_offset
        )

    def _read_segment(
        self, file: File, window: Window, segment: Segment, following: Segment | None
    ) -> Iterator[Record]:
        after = self._after
        offset: int | None = self._read_header(file, window, segment, following)
        while offset is not None:
            try:
                for frame in read_frames(window, segment.identity, offset):
                    record = frame.record
                    sequence = record.sequence
                    self._offset = frame.end
                    if record.kind == MARK:
                        self._check(segment, frame)
                        self._take_mark(frame)
                        continue
                    if sequence != self._expected or frame.previous != self._checksum or sequence == after:
                        self._check(segment, frame)
                    self._expected, self._checksum = sequence + 1, record.checksum
                    if sequence > after:
                        yield record
                return
            except BadFrame as bad:
                offset = self._go_on(bad, window, segment, following)

    def _read_header(self, file: File, window: Window, segment: Segment, following: Segment | None) -> int:
        """Check how a segment follows what was read; returns the offset of its first frame."""
        self._offset = self._durable_offset = HEADER_SIZE
        self._marks.clear()
        self._expect_first(segment)
        try:
            header = read_header(file)
        except BadSegmentHeader as bad:
            return self._pass_over_header(str(bad), window, segment, following)
        if (header.first, header.identity) != (segment.first, segment.identity):
            raise self._foreign(
                segment,
                0,
                f"its header says {header.first:020}-{header.identity:08x}, not what its name says",
            )
        self._check_previous(segment, 0, header.previous)
        if header.first == self._after + 1:
            self._compare_with_snapshot(header.previous)
        self._checksum = header.previous
        return HEADER_SIZE

    def _expect_first(self, segment: Segment) -> None:
        """Check the record that a segment begins with, by its name."""
        first = segment.first
        expected = min(first, self._after + 1) if self._expected is None else self._expected
        if first < expected:
            raise self._foreign(segment, 0, f"it begins with record {first}, expected {expected}")
        if first > expected:
            why = f"it begins with record {first}, expected {expected}"
            self._note(Damage(segment.path, 0, 0, why, expected, first - 1))
            self._checksum = None
        self._expected = first

    def _pass_over_header(self, why: str, window: Window, segment: Segment, following: Segment | None) -> int:
        """The header is damaged, but its name says nearly the same; returns the offset of the first good
        frame.
        """
        expected = segment.first
        frame = next(good_frames(window, segment.identity, 0, expected), None)
        end = window.size if frame is None else frame.offset
        if frame is not None:
            number, previous = _next_number(frame), frame.previous
        else:
            number, previous = expected if following is None else following.first, None
        unknown = frame is None and following is None
        self._note(Damage(segment.path, 0, end, why, expected, None if unknown else number - 1))
        if number > expected:
            self._expected, self._checksum = number, previous
        self._offset = max(end, HEADER_SIZE)
        return end

    def _check(self, segment: Segment, frame: Frame) -> None:
        """Check how a good frame follows what was read."""
        record = frame.record
        number = _next_number(frame)
        assert self._expected is not None
        if number > self._expected:
            raise BadFrame(frame.offset, f"record {number} is found, expected {self._expected}")
        if number < self._expected:
            raise self._foreign(segment, frame.offset, f"record {number} is found, expected {self._expected}")
        self._check_previous(segment, frame.offset, frame.previous)
        if record.sequence == self._after and record.kind != MARK:
            self._compare_with_snapshot(record.checksum)

    def _check_previous(self, segment: Segment, offset: int, stated: int) -> None:
        if self._checksum is not None and stated != self._checksum:
            raise self._foreign(
                segment,
                offset,
                f"the record before it has checksum {self._checksum:08x}, not {stated:08x}",
            )

    def _take_mark(self, mark: Frame) -> None:
        (durable,) = DURABLE.unpack(mark.record.payload)
        self._marks.append((mark.record.sequence, mark.offset))
        while self._marks and self._marks[0][0] <= durable:
            self._durable_offset = self._marks.pop(0)[1]

    def _go_on(
        self, bad: BadFrame, window: Window, segment: Segment, following: Segment | None
    ) -> int | None:
        """Where to read on behind a bad place, or None for the next segment. Raises `JournalDamaged`."""
        expected = self._expected
        assert expected is not None
        frames = good_frames(window, segment.identity, bad.offset, expected)
        first = next(frames, None)
        if following is None:
            synced, readable = _evidence(first, frames)
            if synced < expected:
                size = window.size - bad.offset
                self.tail = TornTail(segment.path, bad.offset, size, str(bad), expected, readable)
                return None
        if first is not None:
            number, end, previous = _next_number(first), first.offset, first.previous
        else:
            assert following is not None  # at the end there would have been no evidence
            number, end, previous = following.first, window.size, None
        self._note(Damage(segment.path, bad.offset, end - bad.offset, str(bad), expected, number - 1))
        if number > expected:
            self._expected, self._checksum = number, previous
        self._offset = end
        return None if first is None else end

    def _note(self, damage: Damage) -> None:
        """Raises `JournalDamaged` unless the damage may be passed over."""
        harmless = damage.last_lost is not None and damage.last_lost < max(damage.first_lost, self._after + 1)
        if not (harmless or self._skip_damaged):
            raise JournalDamaged(damage)
        self.damages.append(damage)

    def _compare_with_snapshot(self, checksum: int) -> None:
        if self._after_checksum is not None and checksum != self._after_checksum:
            raise JournalError(
                f"the journal in {self._folder} does not belong to the snapshot: its record {self._after} "
                f"has checksum {checksum:08x}, the snapshot's has {self._after_checksum:08x}"
            )

    def _foreign(self, segment: Segment, offset: int, why: str) -> JournalError:
        return JournalError(
            f"{segment.path} is sound at offset {offset}, but does not continue the journal before it: "
            f"{why}; put the file there that belongs there, or move this one and those after it away"
        )

    def _reporting(self, before: int, total: int) -> Callable[[int], None]:
        def report(offset: int) -> None:
            if self._progress is not None:
                self._progress(before + offset, total)

        return report

    def _size(self, segment: Segment) -> int:
        with self._files.open(segment.path) as file:
            return file.size()


def _next_number(frame: Frame) -> int:
    """The number of the record in a frame, or of the one that comes behind a mark."""
    return frame.record.sequence + (frame.record.kind == MARK)


def _evidence(first: Frame | None, rest: Iterator[Frame]) -> tuple[int, int | None]:
    """What frames behind a bad place say: the last record that was synced, and the last that is whole."""
    synced, readable = 0, None
    for frame in [] if first is None else [first, *rest]:
        if frame.record.kind == MARK:
            synced = max(synced, *DURABLE.unpack(frame.record.payload))
        else:
            readable = frame.record.sequence
    return synced, readable
