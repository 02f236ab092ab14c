"""The clients, synchronous and asynchronous, against real servers and against servers that misbehave."""

import asyncio
import contextlib
import inspect
import socket
import threading
import time

import msgpack
import pytest
from counting import Counting, Item
from rpc_serving import DEADLINE, packed, serving

from duma import client as public
from duma.client import aio
from duma.engines.declaration import RANDOM, Declared, analysis
from duma.engines.engine import Engine
from duma.errors import ArgumentMismatch
from duma.rpc.async_client import async_client_class
from duma.rpc.client import client_class
from duma.rpc.errors import (
    InterfaceMismatch,
    RPCError,
    TimeoutError,  # noqa: A004 - the name that callers know
    TransportError,
    TypeMismatch,
    UnknownMethod,
)
from duma.rpc.server import Limits


class OtherCounting(Declared):
    """The same methods as another release might declare them."""

    @analysis(route=RANDOM)
    def size(self, unit: str) -> str:
        """How many items there are, in words."""

    @analysis(route=RANDOM)
    def learn(self, items: str) -> int:
        """Takes a text instead of items."""

    @analysis(route=RANDOM)
    def vanish(self) -> bool:
        """No server has this."""


SyncCounting = client_class(Counting)
AsyncCounting = async_client_class(Counting)
Other = client_class(OtherCounting)


class InThread:
    """The asynchronous client, called like the synchronous one, so that both pass the same tests."""

    def __init__(self, client_type, *args):
        self._loop = asyncio.new_event_loop()
        self._client = client_type(*args)

    def __getattr__(self, name):
        attribute = getattr(self._client, name)
        if not inspect.iscoroutinefunction(attribute):
            return attribute
        return lambda *args, **kwargs: self._loop.run_until_complete(attribute(*args, **kwargs))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._loop.run_until_complete(self._client.__aexit__(None, None, None))
        self._loop.close()


def in_thread(engine):
    return lambda *args: InThread(async_client_class(engine), *args)


@pytest.fixture(params=["sync", "async"])
def colour(request):
    """Makes a client class of an engine."""
    return client_class if request.param == "sync" else in_thread


@contextlib.contextmanager
def misbehaving(*conversations):
    """The port of a server that hands each connection's socket to the next of `conversations`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        for conversation in conversations:
            with contextlib.suppress(OSError):
                connected, _ = listener.accept()
                with connected:
                    connected.settimeout(DEADLINE)
                    conversation(connected)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(DEADLINE)


def answering(*answers):
    """Sends the next of `answers` for each request: bytes as they are, else a response's error and result."""

    def converse(connected):
        unpacker = msgpack.Unpacker(raw=True)
        for answer in answers:
            for request in requests(connected, unpacker):
                connected.sendall(answer if isinstance(answer, bytes) else packed([1, request[1], *answer]))
                break

    return converse


def requests(connected, unpacker):
    while True:
        yield from unpacker
        data = connected.recv(1 << 16)
        if not data:
            return
        unpacker.feed(data)


# What both do


def test_calls_and_results(colour):
    with serving() as running, colour(Counting)("127.0.0.1", running.port, "cluster") as client:
        assert client.learn([Item("a", 2), ("b", 1.5)]) == 2
        assert client.learn(items=[Item("c")]) == 1
        assert client.size() == 3
        assert client.echo(b"\x00\xff") == b"\x00\xff"
        assert client.clear() is True
        assert running.model.learned == []


def test_names_and_connection(colour):
    with serving() as running, colour(Counting)("127.0.0.1", running.port, "one") as client:
        assert client.get_name() == "one"
        client.set_name("two")
        assert client.get_name() == "two"
        assert client.size() == 0
        assert client.get_client().port == running.port
        client.get_client().close()
        assert client.size() == 0  # connects again


def test_methods_are_declared_as_the_engine_has_them():
    for made in (SyncCounting, AsyncCounting):
        assert made.__name__ == "Counting"
        assert "Counts items" in made.__doc__
        assert str(inspect.signature(made.learn)) == "(self, items: list[counting.Item]) -> int"
        assert made.learn.__doc__ == "Keep the items; returns how many."
        for name in ("save", "load", "get_status", "do_mix", "get_proxy_status"):
            assert name in made.methods
            assert callable(getattr(made, name))
    assert inspect.iscoroutinefunction(AsyncCounting.learn)


def test_requests_are_the_bytes_of_the_specification(colour):
    received = []

    def converse(connected):
        received.append(connected.recv(100))
        connected.sendall(packed([1, 0, None, True]))

    with misbehaving(converse) as port, colour(Counting)("127.0.0.1", port, "c") as client:
        assert client.clear() is True
    assert received == [bytes.fromhex("940000a5636c65617291a163")]


def test_old_types_only(colour):
    received = []

    def converse(connected):
        while len(received) < 1 or len(received[0]) < 313:
            received[:] = [b"".join(received) + connected.recv(1000)]
        connected.sendall(packed([1, 0, None, b"x"]))

    with misbehaving(converse) as port, colour(Counting)("127.0.0.1", port, "") as client:
        client.echo(b"x" * 100 + b"y" * 200)
    assert received == [bytes.fromhex("940000a46563686f92a0da012c") + b"x" * 100 + b"y" * 200]


def test_server_errors(colour):
    with serving() as running, colour(Counting)("127.0.0.1", running.port, "") as client:
        with pytest.raises(RPCError, match=r"^sum: key x not found$") as caught:
            client.fail("refuse")
        assert type(caught.value) is RPCError
        assert client.size() == 0


def test_interface_mismatches(colour):
    with serving() as running, colour(OtherCounting)("127.0.0.1", running.port, "") as client:
        with pytest.raises(UnknownMethod, match="no method vanish"):
            client.vanish()
        with pytest.raises(TypeMismatch, match="argument of learn"):
            client.learn("text")
        with pytest.raises(TypeMismatch, match="result of size"):
            client.size("items")
    assert issubclass(UnknownMethod, InterfaceMismatch)
    assert issubclass(TypeMismatch, InterfaceMismatch)


def test_wrong_arguments_are_not_sent(colour):
    with colour(Counting)("127.0.0.1", 1, "") as client:  # nobody listens there
        with pytest.raises(ArgumentMismatch):
            client.learn([5])
        with pytest.raises(TypeError):
            client.learn()
        with pytest.raises(TypeError):
            client.size(5)


def test_nobody_listens(colour):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        colour(Counting)("127.0.0.1", port, "") as client,
        pytest.raises(TransportError, match=rf"cannot connect to 127\.0\.0\.1:{port}: .*refused"),
    ):
        client.size()


def test_unknown_host(colour):
    with (
        colour(Counting)("no-such-host.invalid", 9199, "") as client,
        pytest.raises(TransportError, match=r"cannot connect to no-such-host\.invalid:9199"),
    ):
        client.size()


def test_timeout_and_late_answers(colour):
    with serving() as running, colour(Counting)("127.0.0.1", running.port, "", 0.2) as client:
        with pytest.raises(TimeoutError, match=rf"127\.0\.0\.1:{running.port} did not answer in 0\.2 s"):
            client.learn_slowly("slow")
        running.model.gate.set()
        while True:  # the late answer is passed over, whenever it comes
            with contextlib.suppress(TimeoutError):
                assert client.size() == 1
                break


def test_reconnects_when_the_server_has_closed(colour):
    with (
        serving(limits=Limits(idle_seconds=0.1)) as running,
        colour(Counting)("127.0.0.1", running.port, "") as client,
    ):
        assert client.size() == 0
        deadline = time.monotonic() + DEADLINE
        while running.on_loop(lambda: running.server.connections):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert client.size() == 0


def test_a_call_that_was_sent_is_not_repeated(colour):
    with (
        misbehaving(lambda connected: connected.recv(1), answering((None, 5))) as port,
        colour(Counting)("127.0.0.1", port, "") as client,
    ):
        with pytest.raises(TransportError, match=rf"127\.0\.0\.1:{port} closed the connection"):
            client.size()
        assert client.size() == 5


def test_a_full_server_says_so(colour):
    with serving(limits=Limits(max_connections=1)) as running:
        with colour(Counting)("127.0.0.1", running.port, "") as first:
            assert first.size() == 0
            with colour(Counting)("127.0.0.1", running.port, "") as second, pytest.raises(RPCError) as caught:
                second.size()
        assert "server is full: 1 connections are open" in str(caught.value)


def test_a_message_that_is_too_large(colour):
    limits = Limits(max_message_bytes=1_000_000)
    with serving(limits=limits) as running, colour(Counting)("127.0.0.1", running.port, "") as client:
        with pytest.raises(RPCError, match="message is larger than the limit of 1000000 bytes"):
            client.echo(b"x" * 30_000_000)
        assert client.size() == 0


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"\xc1", "not MessagePack"),
        (b"HTTP/1.1 400 Bad Request\r\n", "not a MessagePack-RPC response"),
        (packed([0, 0, "size", []]), "not a MessagePack-RPC response"),
        (packed([1, 0, None]), "not a MessagePack-RPC response"),
        (packed([1, 77, None, 5]), "closed the connection"),  # of a call that nobody made
    ],
)
def test_what_is_no_answer(colour, answer, text):
    with (
        misbehaving(answering(answer)) as port,
        colour(Counting)("127.0.0.1", port, "") as client,
        pytest.raises(TransportError, match=text),
    ):
        client.size()


def test_other_errors_are_shown_as_they_are(colour):
    with (
        misbehaving(answering(([7, "x"], None))) as port,
        colour(Counting)("127.0.0.1", port, "") as client,
        pytest.raises(RPCError, match="7"),
    ):
        client.size()


def test_large_messages_both_ways(colour):
    data = b"0123456789" * 500_000
    with serving() as running, colour(Counting)("127.0.0.1", running.port, "") as client:
        assert client.echo(data) == data


# What each does in its own way


def test_pipeline():
    with serving() as running, SyncCounting("127.0.0.1", running.port, "") as client:
        with client.pipeline() as pipeline:
            learned = [pipeline.learn([Item(str(i))]) for i in range(300)]
            failed = pipeline.fail("refuse")
            size = pipeline.size()
            with pytest.raises(AttributeError, match="no method nonsense"):
                pipeline.nonsense()
            with pytest.raises(ArgumentMismatch):
                pipeline.learn([5])
        assert [future.result() for future in learned] == [1] * 300
        assert size.result() == 300
        with pytest.raises(RPCError, match="sum: key x not found"):
            failed.result()


def test_a_pipeline_of_more_than_both_ends_buffer():
    data = b"x" * 100_000
    with serving() as running, SyncCounting("127.0.0.1", running.port, "") as client:
        with client.pipeline() as pipeline:
            echoes = [pipeline.echo(data) for _ in range(100)]
        assert all(echo.result() == data for echo in echoes)


def test_a_pipeline_that_breaks():
    with misbehaving(answering((None, 1))) as port, SyncCounting("127.0.0.1", port, "") as client:
        with pytest.raises(TransportError), client.pipeline() as pipeline:
            sizes = [pipeline.size(), pipeline.size()]
        for size in sizes:
            with pytest.raises(TransportError):
                size.result()


def test_an_error_in_the_block_sends_nothing():
    with serving() as running, SyncCounting("127.0.0.1", running.port, "") as client:
        with pytest.raises(AttributeError), client.pipeline() as pipeline:
            pipeline.learn([Item("a")]).no_such_attribute  # noqa: B018
        assert client.size() == 0


def test_async_calls_overlap_on_one_connection():
    async def run(running):
        async with AsyncCounting("127.0.0.1", running.port, "") as client:
            answers = await asyncio.gather(*(client.learn([Item(str(i))]) for i in range(200)), client.size())
            assert answers == [1] * 200 + [200]
            assert running.server.connections == 1

    with serving() as running:
        asyncio.run(run(running))
        assert [item.name for item in running.model.learned] == [str(i) for i in range(200)]


def test_async_calls_that_wait_fail_together():
    async def run(port):
        async with AsyncCounting("127.0.0.1", port, "") as client:
            return await asyncio.gather(*(client.size() for _ in range(5)), return_exceptions=True)

    def read_all_and_close(connected):
        for _ in zip(range(5), requests(connected, msgpack.Unpacker(raw=True)), strict=False):
            pass

    with misbehaving(read_all_and_close) as port:
        results = asyncio.run(run(port))
    assert [type(result) for result in results] == [TransportError] * 5


def test_a_cancelled_async_call_leaves_the_others():
    async def run(running):
        async with AsyncCounting("127.0.0.1", running.port, "") as client:
            slow = asyncio.create_task(client.learn_slowly("slow"))
            size = asyncio.create_task(client.size())
            await asyncio.to_thread(running.model.entered.acquire, timeout=DEADLINE)
            slow.cancel()
            running.model.gate.set()
            with pytest.raises(asyncio.CancelledError):
                await slow
            assert await size == 1

    with serving() as running:
        asyncio.run(run(running))


# The public doors


def test_the_public_names():
    for module in (public, aio):
        assert issubclass(module.Classifier, object)
        for name in (
            "train",
            "classify",
            "get_labels",
            "set_label",
            "delete_label",
            "clear",
            "get_config",
            "save",
        ):
            assert callable(getattr(module.Classifier, name))
        assert all(hasattr(module, name) for name in module.__all__)
    assert public.LabeledDatum("spam", public.Datum({"a": 1})).label == "spam"
    assert issubclass(public.TimeoutError, RPCError)
    assert not issubclass(public.Classifier, Engine)
