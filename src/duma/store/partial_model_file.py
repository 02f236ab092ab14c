"""What can still be read of a model file that is damaged, or of a kind that is not loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from duma.errors import ModelFileError
from duma.store.files import Files, Mapping
from duma.store.model_file import (
    _BEFORE_CRC,
    _CRC,
    _CRC_OFFSET,
    _MAGIC,
    _SIZES,
    _SIZES_OFFSET,
    HEADER_SIZE,
    _unpacked_system_data,
    read_model,
)


@dataclass(frozen=True, slots=True)
class Header:
    """The header as it stands there. Sizes are bytes; `version` is the writer's."""

    format_version: int
    version: tuple[int, int, int]
    crc32: int
    system_size: int
    user_size: int


@dataclass(frozen=True, slots=True)
class SystemData:
    """The system data; `timestamp` is Unix time in seconds."""

    timestamp: int
    engine_type: str
    model_id: str
    config_text: str


@dataclass
class PartialModelFile:
    """A file as far as it can be read. `problem` is the first check that fails, empty for a sound file.

    Close it (or use `with`) after the views of its user data are gone.
    """

    size: int
    problem: str
    header: Header | None
    system: SystemData | None
    user_data: memoryview | None
    _mapping: Mapping

    def close(self) -> None:
        self.user_data = None
        self._mapping.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read_what_is_there(files: Files, path: Path) -> PartialModelFile:
    """Open a file and read as much of it as can be. Raises `OSError` when it cannot be opened or read."""
    problem = ""
    try:
        read_model(files, path).close()
    except ModelFileError as error:
        problem = str(error)
    with files.open(path) as file:
        mapping = file.map()
    data = mapping.data
    partial = PartialModelFile(len(data), problem, None, None, None, mapping)
    if len(data) < HEADER_SIZE or data[: len(_MAGIC)] != _MAGIC:
        return partial
    _, format_version, major, minor, maintenance = _BEFORE_CRC.unpack_from(data)
    (crc32,) = _CRC.unpack_from(data, _CRC_OFFSET)
    system_size, user_size = _SIZES.unpack_from(data, _SIZES_OFFSET)
    partial.header = Header(format_version, (major, minor, maintenance), crc32, system_size, user_size)
    user_offset = HEADER_SIZE + system_size
    try:
        partial.system = SystemData(*_unpacked_system_data(bytes(data[HEADER_SIZE:user_offset]), path))
    except ModelFileError as error:
        partial.problem = partial.problem or str(error)
    if user_offset + user_size <= len(data):
        partial.user_data = data[user_offset : user_offset + user_size]
    return partial
