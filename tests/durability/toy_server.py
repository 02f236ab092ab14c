"""A server without network whose model is the list of the numbers it was told, in their order."""

from pathlib import Path

import msgpack

from duma.store.folder import DataFolder
from duma.store.journal import EVENT, REQUEST, Record
from duma.store.model_file import ModelFile
from duma.store.recovery import Recovered, open_writer, recover
from duma.store.retention import Retained, Retention, Rule
from duma.store.snapshots import Position, write_snapshot

DATA = Path("/data/127.0.0.1_9199_toy")
SECOND = 1_000_000_000
START = 1_700_000_000


class ToySnapshot:
    def __init__(self, numbers: list[int]) -> None:
        self._data = msgpack.packb([1, numbers])
        self.size = len(self._data)

    def chunks(self):
        yield self._data


class ToyServer:
    """Opens its folder and recovers. `times` are the seconds of each record, for the clock of tests."""

    def __init__(self, disk, path: Path = DATA, *, segment_size: int = 400, **options) -> None:
        self.disk = disk
        self.numbers: list[int] = []
        self.folder = DataFolder.open(disk, path)
        try:
            self.recovered: Recovered = recover(
                disk, self.folder, load=self.load, apply=self.apply, **options
            )
            if options.get("until") is None:
                self.writer = open_writer(
                    disk, self.folder, self.recovered, segment_size=segment_size, clock=self.now
                )
        except BaseException:
            self.folder.close()
            raise
        self.retention = Retention(disk, self.folder.journal, self.folder.snapshots, Rule(last=2))

    def now(self) -> int:
        """A clock that goes on by a second with each number."""
        return (START + len(self.numbers)) * SECOND

    def load(self, model: ModelFile) -> None:
        assert model.engine_type == "toy"
        self.numbers = msgpack.unpackb(model.user_data)[1]

    def apply(self, record: Record) -> None:
        assert (record.kind, record.name) in ((REQUEST, b"add"), (EVENT, b"drawn"))
        assert record.sequence == len(self.numbers) + 1
        self.numbers.append(msgpack.unpackb(record.payload)[0])

    def add(self, number: int, *, event: bool = False, size: int = 0) -> int:
        payload = msgpack.packb([number, b"x" * size])
        name, kind = (b"drawn", EVENT) if event else (b"add", REQUEST)
        sequence = self.writer.append(name, payload, self.now(), kind)
        self.numbers.append(number)
        return sequence

    def snapshot(self) -> None:
        sequence, checksum = self.writer.position
        write_snapshot(
            self.disk,
            self.folder.snapshots,
            ToySnapshot(self.numbers),
            Position(sequence, self.writer.identity, checksum),
            engine_type="toy",
            config_text="{}",
            time=self.now() // SECOND,
            commit=self.writer.commit,
        )

    def retain(self) -> Retained:
        return self.retention.apply()

    def close(self) -> None:
        self.writer.close()
        self.folder.close()
