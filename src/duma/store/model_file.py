"""Model files: Jubatus 1.1.1's container, read and written.

    offset  size  field                       integers are big-endian
         0     8  magic "jubatus" NUL
         8     8  format version, 1
        16    12  version of the writer: major, minor, maintenance; only major 1 is accepted
        28     4  CRC32 (zlib's) of bytes 0 to 27, 32 to 47, system data and user data
        32     8  S, size of the system data
        40     8  U, size of the user data
        48     S  system data, MessagePack: [1, Unix time, engine type, model id, configuration text]
      48+S     U  user data, MessagePack: [version of the driver data, driver data]

What follows is not read. A file is written in one pass with little memory: the sizes are known before, and
the checksum is put into the header at the end. The file comes to be whole or not at all (see
`duma.store.temporary`).
"""

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import msgpack

from duma.configuration import same_configuration
from duma.errors import ModelFileError
from duma.store.files import File, Files, Mapping, in_blocks
from duma.store.temporary import remove_leftovers, whole_file

_MAGIC = b"jubatus\0"
_FORMAT_VERSION = 1
_MAJOR_VERSION = 1
_SYSTEM_VERSION = 1
_BLOCK = 1 << 20

_BEFORE_CRC = struct.Struct(">8sQIII")
_CRC = struct.Struct(">I")
_SIZES = struct.Struct(">QQ")
_CRC_OFFSET = _BEFORE_CRC.size
_SIZES_OFFSET = _CRC_OFFSET + _CRC.size
HEADER_SIZE = _SIZES_OFFSET + _SIZES.size


class Snapshot(Protocol):
    """What is written as user data; an engine's snapshot is one."""

    @property
    def size(self) -> int:
        """Bytes of all chunks."""

    def chunks(self) -> Iterable[bytes]: ...


def write_model(
    files: Files,
    path: Path,
    *,
    engine_type: str,
    model_id: str,
    config_text: str,
    timestamp: int,
    snapshot: Snapshot,
    version: tuple[int, int, int] = (1, 1, 1),
    before_rename: Callable[[], object] = lambda: None,
) -> None:
    """Write a model file; `path` holds what it held before until the new file is whole and on the disk.

    `timestamp` is Unix time in seconds. `before_rename` is called when all is on the disk and may still
    refuse by raising. Raises `ModelFileError`: `cannot write output file: <path>: <why>`.
    """
    system_data = _packed_system_data(timestamp, engine_type, model_id, config_text)
    before_crc = _BEFORE_CRC.pack(_MAGIC, _FORMAT_VERSION, *version)
    sizes = _SIZES.pack(len(system_data), snapshot.size)
    crc = zlib.crc32(system_data, zlib.crc32(sizes, zlib.crc32(before_crc)))
    try:
        remove_leftovers(files, path.parent)
        size = HEADER_SIZE + len(system_data) + snapshot.size
        with whole_file(files, path, size) as file:
            file.append(before_crc + _CRC.pack(0) + sizes + system_data)
            written = 0
            for block in in_blocks(snapshot.chunks(), _BLOCK):
                file.append(block)
                crc = zlib.crc32(block, crc)
                written += len(block)
            if written != snapshot.size:
                raise ModelFileError(
                    f"cannot write output file: {path}: the model has {written} bytes, "
                    f"but {snapshot.size} were announced"
                )
            file.write_at(_CRC_OFFSET, _CRC.pack(crc))
            file.sync()
            before_rename()
    except OSError as error:
        raise ModelFileError(f"cannot write output file: {path}: {_why(error)}") from error


@dataclass
class ModelFile:
    """An open model file whose container is sound. Close it (or use `with`) after the views of its user data
    are gone.
    """

    path: Path
    version: tuple[int, int, int]
    timestamp: int
    engine_type: str
    model_id: str
    config_text: str
    user_data_version: int
    _mapping: Mapping
    _user_offset: int
    _user_size: int

    def check(
        self,
        engine_type: str,
        config_text: str | None,
        same: Callable[[str, str], bool] = same_configuration,
    ) -> None:
        """Refuse a model of another engine or, unless `config_text` is None, of another configuration.

        Raises `ModelFileError`, and whatever `same(saved text, own text)` raises.
        """
        if self.engine_type != engine_type:
            raise ModelFileError(
                f"server type mismatched: {self.engine_type}, expected {engine_type}: {self.path}"
            )
        if config_text is not None and not same(self.config_text, config_text):
            raise ModelFileError(
                f"server config mismatched: {self.config_text}, expected {config_text}: {self.path}"
            )

    @property
    def user_data(self) -> memoryview:
        """The user data, a view of the file. Raises `ModelFileError` when it is none of this version."""
        data = self._mapping.data[self._user_offset : self._user_offset + self._user_size]
        _check_user_data(data, self.user_data_version, self.path)
        return data

    def release(self, offset: int) -> None:
        """The user data before `offset` are read: their memory may be given back (they can still be read)."""
        self._mapping.release(self._user_offset + offset)

    def close(self) -> None:
        self._mapping.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read_model(files: Files, path: Path, *, user_data_version: int = 1) -> ModelFile:
    """Open a model file and check its container; `ModelFile.check` and `ModelFile.user_data` check the rest.

    Nothing is taken from the file before its checksum holds. Raises `ModelFileError`, beginning with Jubatus'
    text.
    """
    try:
        file = files.open(path)
    except OSError as error:
        raise ModelFileError(f"cannot open input file: {path}: {_why(error)}") from error
    try:
        with file:
            version, system_data, user_size = _checked_container(file, path)
            system = _unpacked_system_data(system_data, path)
            return ModelFile(
                path,
                version,
                *system,
                user_data_version=user_data_version,
                _mapping=file.map(),
                _user_offset=HEADER_SIZE + len(system_data),
                _user_size=user_size,
            )
    except OSError as error:
        raise ModelFileError(f"cannot read input file: {path}: {_why(error)}") from error


def verify_model(files: Files, path: Path) -> None:
    """Read a whole file and check its container. Raises `ModelFileError`."""
    read_model(files, path).close()


def _packed_system_data(timestamp: int, engine_type: str, model_id: str, config_text: str) -> bytes:
    packer = msgpack.Packer(use_bin_type=False, unicode_errors="surrogateescape")
    packed: bytes = packer.pack([_SYSTEM_VERSION, timestamp, engine_type, model_id, config_text])
    return packed


def _checked_container(file: File, path: Path) -> tuple[tuple[int, int, int], bytes, int]:
    """The writer's version, the system data and the size of the user data, after all bytes have been checked.

    Reads by calls and not through a mapping, since a disk that cannot read ends a process by signal there.
    """
    header = file.read_at(0, HEADER_SIZE)
    if len(header) < HEADER_SIZE:
        raise ModelFileError(
            f"cannot read input file: {path}: {len(header)} bytes, expected a header of {HEADER_SIZE}"
        )
    magic, format_version, *version = _BEFORE_CRC.unpack_from(header)
    if magic != _MAGIC:
        raise ModelFileError(f"invalid file format: {path}: begins with {magic!r}, expected {_MAGIC!r}")
    if format_version != _FORMAT_VERSION:
        raise ModelFileError(f"invalid format version: {format_version}, expected {_FORMAT_VERSION}: {path}")
    major, minor, maintenance = version
    if major != _MAJOR_VERSION:
        raise ModelFileError(
            f"cannot load model file created before v1.0.0: {major}.{minor}.{maintenance}: "
            f"{path}: expected major version {_MAJOR_VERSION}"
        )
    system_size, user_size = _SIZES.unpack_from(header, _SIZES_OFFSET)
    end = HEADER_SIZE + system_size + user_size
    if file.size() < end:
        raise ModelFileError(f"cannot read input file: {path}: {file.size()} bytes, its header expects {end}")
    computed = zlib.crc32(header[_SIZES_OFFSET:], zlib.crc32(header[:_CRC_OFFSET]))
    computed = _crc_of_rest(file, end, computed, path)
    (stored,) = _CRC.unpack_from(header, _CRC_OFFSET)
    if computed != stored:
        raise ModelFileError(f"invalid crc32 checksum: {computed:x}, expected {stored:x}: {path}")
    return (major, minor, maintenance), file.read_at(HEADER_SIZE, system_size), user_size


def _crc_of_rest(file: File, end: int, crc: int, path: Path) -> int:
    offset = HEADER_SIZE
    while offset < end:
        block = file.read_at(offset, min(_BLOCK, end - offset))
        if not block:
            raise ModelFileError(f"cannot read input file: {path}: it became shorter while it was read")
        crc = zlib.crc32(block, crc)
        offset += len(block)
    return crc


def _unpacked_system_data(data: bytes, path: Path) -> tuple[int, str, str, str]:
    """Timestamp, engine type, model id, configuration text; what is missing at the end is 0 or empty."""
    value = _unpacked(data, path)
    given = value if isinstance(value, list) else None
    if given is None or not all(map(_fits, given, (int, int, bytes, bytes, bytes))):
        raise ModelFileError(f"system data is broken: {path}: {value!r:.200}")
    version, timestamp, engine_type, model_id, config_text = (given + [0, 0, b"", b"", b""][len(given) :])[:5]
    if version != _SYSTEM_VERSION:
        raise ModelFileError(
            f"invalid system data version: saved version: {version}, expected {_SYSTEM_VERSION}: {path}"
        )
    return timestamp, _text(engine_type), _text(model_id), _text(config_text)


def _check_user_data(data: memoryview, expected_version: int, path: Path) -> None:
    """Check the outer array; the engine checks what is inside."""
    if len(data) == 0:
        raise ModelFileError(f"insufficient bytes: {path}: the user data is empty")
    elements, start = _array_size(data)
    if elements is None:
        raise ModelFileError(f"user data is broken: {path}: not an array but type byte 0x{data[0]:02x}")
    if elements != 2:
        raise ModelFileError(f"invalid user container: {path}: {elements} elements, expected 2")
    version = _unpacked(bytes(data[start : start + 9]), path)
    if not _fits(version, int):
        raise ModelFileError(f"user data is broken: {path}: its version is {version!r:.200}")
    if version != expected_version:
        raise ModelFileError(f"user data version mismatched: {version}, expected {expected_version}: {path}")


def _array_size(data: memoryview) -> tuple[int | None, int]:
    """Elements of the array at the start of MessagePack (None: something else), and where they begin."""
    first = data[0]
    if first & 0xF0 == 0x90:
        return first & 0x0F, 1
    length_bytes = {0xDC: 2, 0xDD: 4}.get(first)
    if length_bytes is None:
        return None, 0
    return int.from_bytes(data[1 : 1 + length_bytes], "big"), 1 + length_bytes


def _unpacked(data: bytes, path: Path) -> Any:
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
    unpacker.feed(data)
    try:
        return unpacker.unpack()
    except msgpack.OutOfData as error:
        raise ModelFileError(f"insufficient bytes: {path}") from error
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        raise ModelFileError(f"parse error: {path}") from error


def _fits(value: object, expected: type) -> bool:
    return isinstance(value, expected) and not isinstance(value, bool)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _why(error: OSError) -> str:
    return error.strerror or str(error)
