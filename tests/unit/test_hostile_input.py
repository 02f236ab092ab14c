"""Whatever bytes arrive, a server answers, refuses or closes; it lives on, as large as before, with the same model."""

import asyncio
import contextlib
import os
import re
import socket
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hostile_streams import DATUM, End, Stream, Streams, packed
from server_process import Client, Server, serving, until, write_config

import duma
from duma.store.files import DiskFiles
from duma.store.model_file import read_model

CONFIG: dict[str, Any] = {
    "method": "AROW",
    "parameter": {"regularization_weight": 1.0, "unlearner": "lru", "unlearner_parameter": {"max_size": 4}},
    "converter": {
        "string_types": {"bigram": {"method": "ngram", "char_num": "2"}},
        "string_rules": [
            {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"},
            {"key": "user", "type": "bigram", "sample_weight": "log_tf", "global_weight": "bm25"},
        ],
        "num_rules": [{"key": "*", "type": "num"}, {"key": "x", "type": "str"}],
        "combination_rules": [{"key_left": "x@num", "key_right": "y@num", "type": "mul"}],
    },
}
TRAINED = [
    ["spam", DATUM],
    ["ham", [[["body", "see you at sea"]], [["x", -1.0]], []]],
    ["spam", [[], [["y", 9]], []]],
]
SEED = int(os.environ.get("HOSTILE_SEED", "20240229"))
AT_ONCE = 40
DEADLINE = 30.0  # seconds for one stream; only a hanging server gets there
# A stream holds the server's memory only while it is open: the receive buffers of those open at once (256 KiB at most,
# but for a few of 70 KB to 1 MB) and what unread answers may occupy. The rest is the allocator's unused room, and the
# converters' memory of keys they have met, which is bounded.
MAX_GROWTH = 32 * 1024  # KiB


@pytest.mark.parametrize("count", [2000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_streams_of_bad_bytes(count: int, tmp_path: Path) -> None:
    print(f"HOSTILE_SEED={SEED}")
    folder = tmp_path / "models"
    folder.mkdir()
    with serving(folder, "-f", write_config(tmp_path, CONFIG)) as (server, client, port):
        assert client.call("train", TRAINED) == 3
        before = saved(port, "before")
        streams = Streams(SEED)
        kinds = run_all(port, [streams.next() for _ in range(300)])
        files, resident = open_files(server), resident_kib(server)

        rest = [streams.next() for _ in range(count - 300)]
        for i in range(8):
            rest[i * 97] = streams.slow()
            rest[i * 89 + 1] = streams.unread()
        with contextlib.ExitStack() as half_open:
            for i in range(30):
                connection = half_open.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE))
                connection.sendall(packed([0, i, "classify", ["", [DATUM]]])[: i * 3])
            kinds += run_all(port, rest)
        assert kinds.total() == count
        assert len(kinds) == 12

        assert saved(port, "after") == before
        until(lambda: open_files(server) <= files)
        assert resident_kib(server) - resident < MAX_GROWTH
        assert server.process.poll() is None
        assert "Traceback" not in server.output
        assert server.errors == ""
    # Only what could be an id came to be a file, and nothing outside of the folder.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "models"]
    name = re.compile(r"127\.0\.0\.1_\d+_classifier_[\w-][\w.-]{0,99}\.jubatus|std(out|err)0", re.ASCII)
    assert [path.name for path in folder.iterdir() if not name.fullmatch(path.name)] == []


def test_mutated_updates_are_done_wholly_or_not_at_all(tmp_path: Path) -> None:
    """A twin is given what the server says it has done; in the end they are the same."""
    print(f"HOSTILE_SEED={SEED}")
    streams, done = Streams(SEED), Counter[bool]()
    with serving(tmp_path, "-f", write_config(tmp_path, CONFIG)) as (server, client, port):
        twin = duma.Classifier(CONFIG)
        twin.methods["train"].call_packed(twin, [packed(TRAINED)])
        client.call("train", TRAINED)
        for number in range(1500):
            data = streams.update(number)
            for response in responses(exchange(port, data)):
                done[response[2] is None] += 1
                if response[2] is None:
                    method, arguments = request(data)
                    twin.methods[method].call_packed(twin, arguments[1:])
        twin.save(tmp_path / "twin")
        assert saved(port, "m") == tree(tmp_path / "twin")
        assert "Traceback" not in server.output
    assert done[True] > 300
    assert done[False] > 300


def exchange(port: int, data: bytes) -> bytes:
    """What the server answers to all that is sent on a connection."""
    with socket.create_connection(("127.0.0.1", port), DEADLINE) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def request(data: bytes) -> tuple[str, list[bytes]]:
    """The method of a request that the server has understood, and the MessagePack of each argument."""
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
    unpacker.feed(data)
    unpacker.read_array_header()
    _, _, method = (unpacker.unpack() for _ in range(3))
    arguments = []
    for _ in range(unpacker.read_array_header()):
        start = unpacker.tell()
        unpacker.skip()
        arguments.append(data[start : unpacker.tell()])
    return method.decode(), arguments


def run_all(port: int, streams: list[Stream]) -> Counter[str]:
    """Run them, some at the same time; how many of each kind there were."""

    async def run() -> None:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(stream: Stream) -> None:
            async with free, asyncio.timeout(DEADLINE):
                await play(stream, port)

        async with asyncio.TaskGroup() as group:
            for stream in streams:
                group.create_task(one(stream))

    asyncio.run(run())
    return Counter(stream.kind for stream in streams)


async def play(stream: Stream, port: int) -> None:
    """Be the client of one stream, and look at what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if stream.end is End.RESET:
        no_farewell = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_farewell)
    received, whole = b"", False
    try:
        # The server may give up in the middle of what is sent, and close.
        with contextlib.suppress(OSError):
            for piece in stream.pieces:
                writer.write(piece)
                if stream.end is End.READ:
                    await writer.drain()
                await asyncio.sleep(stream.pause)
            if stream.end is End.READ:
                writer.write_eof()
                while piece := await reader.read(1 << 16):
                    received += piece
                whole = True
    finally:
        if stream.end is End.RESET:
            writer.transport.abort()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    assert whole or stream.answers is None or stream.end is not End.READ, stream
    if whole:
        answers = responses(received)
        assert stream.answers in (None, len(answers)), (stream, answers)


def responses(received: bytes) -> list[Any]:
    """The answers in it, each whole and well-formed."""
    unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
    unpacker.feed(received)
    found = list(unpacker)
    assert unpacker.tell() == len(received), f"half an answer: {received[unpacker.tell() :]!r:.100}"
    for kind, id_, error, result in found:
        assert kind == 1
        assert 0 <= id_ < 2**32
        assert error is None or error in (1, 2) or isinstance(error, bytes)
        assert error is None or error in (1, 2) or result is None
    return found


def saved(port: int, model_id: str) -> Any:
    """The model of a server as a tree."""
    client = Client(port)
    (path,) = client.call("save", model_id).values()
    client.close()
    return tree(Path(path))


def tree(path: Path) -> Any:
    with read_model(DiskFiles(), path) as file, file.user_data as data:
        return msgpack.unpackb(data, raw=True, strict_map_key=False)


def open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


def resident_kib(server: Server) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found
    return int(found[1])
