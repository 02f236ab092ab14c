"""The RPC server over real sockets: what it answers, in which order, and what it refuses."""

import contextlib
import logging
import socket
import threading
import time

import msgpack
import pytest
from counting import Counting
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rpc_serving import DEADLINE, Peer, packed, serving

from duma.rpc.server import Limits

BAD_CAST = [2, b"std::bad_cast"]
LARGE = "x" * 20_000  # brings a call into a thread


@pytest.fixture
def running():
    with serving() as server:
        yield server


@pytest.fixture
def peer(running):
    with Peer(running.port) as connected:
        yield connected


def send_until_stopped(peer, request):
    """Send a request over and over until the server takes no more; returns how many bytes went out."""
    sent = 0
    peer.socket.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            sent += peer.socket.send(request[sent % len(request) :])
    peer.socket.settimeout(DEADLINE)
    return sent


def until(condition):
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


# Answers, byte for byte


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ("940001a5636c65617291a163", "940101c0c3"),
        ("940001a3666f6f90", "94010101a3666f6f"),
        ("930001a3666f6f", "94010101a3666f6f"),  # params missing
        ("940001a8cafebabecafebabe90", "94010101a8cafebabecafebabe"),  # a name that is no text
        ("940001a473697a6590", "94010102ad7374643a3a6261645f63617374"),
        ("940001a473697a6591a0", "940101c000"),
        ("9400ceffffffffa473697a6591a0", "9401ceffffffffc000"),
        ("9400cd0005a473697a6591a0", "940105c000"),
        ("940001a46661696c92a0a6726566757365", "940101b473756d3a206b65792078206e6f7420666f756e64c0"),
        ("930001a473697a65", "94010102ad7374643a3a6261645f63617374"),
    ],
)
def test_bytes_of_answers(peer, request_, answer):
    peer.send(bytes.fromhex(request_))
    assert peer.read(len(answer) // 2).hex() == answer


@pytest.mark.parametrize(
    "params",
    [
        None,
        5,
        {},
        {"": ""},
        [],
        [None],
        [1],
        [[]],
        [1.5],
        [True],
    ],
)
def test_the_first_parameter_must_be_the_cluster_name(peer, params):
    peer.send([0, 1, "size", params])
    assert peer.answers(1) == [[1, 1, *BAD_CAST]]


@pytest.mark.parametrize(
    "name", [b"\xa0", b"\xa1x", b"\xd9\x01x", b"\xc4\x01x", b"\xda\x00\x01x", b"\xa2\xff\xfe"]
)
def test_any_raw_is_a_cluster_name(peer, name):
    peer.send(b"\x94\x00\x01\xa4size\x91" + name)
    assert peer.answers(1) == [[1, 1, None, 0]]


@pytest.mark.parametrize(
    "arguments",
    [[], [None], [5], ["x"], [{}], [[["a", "b"]]], [[["a", None]]], [[5]], [[[5, 1.0]]]],
)
def test_arguments_of_other_types_are_error_2(running, peer, arguments):
    assert peer.call("learn", *arguments) == tuple(BAD_CAST)
    assert running.model.learned == []


def test_lenient_arguments(running, peer):
    assert peer.call("learn", [["a", 2, "more"], ["b"]], "more", 5) == (None, 2)
    assert running.model.learned == [("a", 2.0), ("b", 1.0)]


def test_a_method_without_cluster_name_ignores_its_parameters(peer):
    for params in ([], ["name"], [5, 6], None, {}):
        peer.send([0, 1, "ready", params])
        assert peer.answers(1) == [[1, 1, None, True]]


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("refuse", b"sum: key x not found"),
        ("break", b"unexpected"),
        ("silent", b"RuntimeError"),
        ("memory", b"std::bad_alloc"),
        ("surrogate", b"half a pair: ?"),
        ("exit", b"3"),
        ("no such way", b"'no such way'"),
    ],
)
def test_whatever_a_method_raises_is_answered(peer, how, text, caplog):
    assert peer.call("fail", how) == (text, None)
    assert peer.call("size") == (None, 0)
    caplog.clear()


def test_failures_are_logged_by_their_kind(peer, caplog):
    with caplog.at_level(logging.INFO, "duma.rpc"):
        peer.call("fail", "refuse")
        peer.call("fail", "break")
        peer.call("nonsense")
        peer.call("learn", 5)
    [refused, broke] = caplog.records
    assert refused.levelname == "WARNING"
    assert refused.getMessage() == "exception in RPC thread: fail: DumaError: sum: key x not found"
    assert refused.exc_info is None
    assert broke.levelname == "ERROR"
    assert broke.getMessage() == "error in RPC thread: fail"
    assert broke.exc_info is not None


def test_notifies_are_done_and_never_answered(peer):
    peer.send([2, "learn", ["", [["a"]]]], [2, "nonsense", []], [2, "learn"], [2, "fail", ["", "refuse"]])
    peer.send([2, "learn", ["", [["b"]]]], [0, 9, "size", [""]])
    assert peer.answers(1) == [[1, 9, None, 2]]


# Order


def test_pipelined_requests_are_answered_in_order(running, peer):
    n = 1000
    peer.send(*([0, i, "learn", ["", [[f"item {i}"]]]] for i in range(n)))
    assert peer.answers(n) == [[1, i, None, 1] for i in range(n)]
    assert [item.name for item in running.model.learned] == [f"item {i}" for i in range(n)]


def test_a_call_in_a_thread_does_not_overtake(peer):
    big = "x" * 50_000
    peer.send([0, 1, "learn", ["", [["a"]]]], [0, 2, "echo", ["", big]], [0, 3, "learn", ["", [[big]]]])
    peer.send([0, 4, "size", [""]], [0, 5, "echo", ["", big]])
    assert peer.answers(5) == [
        [1, 1, None, 1],
        [1, 2, None, big.encode()],
        [1, 3, None, 1],
        [1, 4, None, 2],
        [1, 5, None, big.encode()],
    ]


def test_analyses_and_other_connections_go_on_during_an_update(running, peer):
    peer.send([0, 1, "learn_slowly", ["", "slow"]])
    assert running.model.entered.acquire(timeout=DEADLINE)
    with Peer(running.port) as other, Peer(running.port) as third:
        assert other.call("size") == (None, 0)
        assert third.call("echo", "x" * 100_000)[0] is None
        other.send([0, 2, "learn", ["", [["later"]]]])  # an update: waits for its turn
        assert third.call("size") == (None, 0)
        running.model.gate.set()
        assert peer.answers(1) == [[1, 1, None, 1]]
        assert other.answers(1) == [[1, 2, None, 1]]
    assert [getattr(item, "name", item) for item in running.model.learned] == ["slow", "later"]


def test_waiting_updates_keep_the_order_of_arrival(running, peer):
    peer.send([0, 1, "learn_slowly", ["", "first"]])
    assert running.model.entered.acquire(timeout=DEADLINE)
    peers = [Peer(running.port) for _ in range(5)]
    for i, other in enumerate(peers):
        other.send([0, 1, "learn", ["", [[str(i)]]]])
        until(lambda i=i: running.on_loop(lambda: running.server.counts["learn"].requests) == i + 1)
    running.model.gate.set()
    for other in peers:
        assert other.answers(1) == [[1, 1, None, 1]]
        other.socket.close()
    assert [getattr(item, "name", item) for item in running.model.learned] == ["first", *"01234"]


def test_a_call_that_the_engine_calls_slow_leaves_the_event_loop_free(running, peer):
    assert peer.call("wait_if_any") == (None, 0)
    assert peer.call("learn", [["one"]]) == (None, 1)
    peer.send([0, 1, "wait_if_any", [""]])
    assert running.model.entered.acquire(timeout=DEADLINE)
    with Peer(running.port) as other:
        assert other.call("size") == (None, 1)
    running.model.gate.set()
    assert peer.answers(1) == [[1, 1, None, 1]]


def test_large_analyses_run_side_by_side():
    with serving(threads=3) as running:
        peers = [Peer(running.port) for _ in range(3)]
        for peer in peers:
            peer.send([0, 1, "wait_here", ["", LARGE]])
        for _ in peers:
            assert running.model.entered.acquire(timeout=DEADLINE)
        running.model.gate.set()
        for peer in peers:
            assert peer.answers(1) == [[1, 1, None, True]]
            peer.socket.close()


def test_run_exclusive_waits_for_its_turn(running, peer):
    peer.send([0, 1, "learn_slowly", ["", "slow"]])
    assert running.model.entered.acquire(timeout=DEADLINE)
    seen = []

    def look():
        seen.append(running.server.run_exclusive(lambda: list(running.model.learned)))

    thread = threading.Thread(target=look)
    thread.start()
    assert seen == []
    running.model.gate.set()
    thread.join(DEADLINE)
    assert seen == [["slow"]]


def test_run_exclusive_hands_on_what_is_raised(running):
    with pytest.raises(ZeroDivisionError):
        running.server.run_exclusive(lambda: 1 / 0)


def test_counts():
    counted = []
    with serving(on_update=lambda method: counted.append(method.name)) as running, Peer(running.port) as peer:
        peer.call("learn", [["a"]])
        peer.call("learn", 5)  # refused before it is an update
        peer.call("learn_badly")  # counts, as it always did
        peer.call("size")
        peer.call("nonsense")
        peer.call("learn", [["x" * 20_000]])
        counts = running.on_loop(lambda: running.server.counts)
        assert running.on_loop(lambda: running.server.unknown_requests) == 1
    assert counted == ["learn", "learn_badly", "learn"]
    assert (counts["learn"].requests, counts["learn"].errors) == (3, 1)
    assert (counts["learn_badly"].requests, counts["learn_badly"].errors) == (1, 1)
    assert (counts["size"].requests, counts["size"].errors) == (1, 0)


# Pieces and ends


def test_a_slow_sender_is_served(peer):
    for byte in packed([0, 1, "size", [""]]):
        peer.send(bytes([byte]))
    assert peer.answers(1) == [[1, 1, None, 0]]


def test_half_a_message_changes_nothing(running, peer):
    message = packed([0, 1, "learn", ["", [["a"]]]])
    peer.send(message[:-1])
    peer.socket.close()
    with Peer(running.port) as other:
        assert other.call("size") == (None, 0)


def test_a_client_that_stops_writing_gets_its_answers(running, peer):
    peer.send([0, 1, "learn_slowly", ["", "slow"]], [0, 2, "size", [""]])
    peer.socket.shutdown(socket.SHUT_WR)
    running.model.gate.set()
    assert peer.answers(2) == [[1, 1, None, 1], [1, 2, None, 1]]
    assert peer.rest() == b""


def test_a_client_that_goes_has_its_updates_done(running):
    with Peer(running.port) as peer:
        peer.send([0, 1, "learn_slowly", ["", "slow"]], *([2, "learn", ["", [["x"]]]] for _ in range(300)))
        assert running.model.entered.acquire(timeout=DEADLINE)
    running.model.gate.set()
    until(lambda: len(running.model.learned) == 301)
    until(lambda: running.on_loop(lambda: running.server.connections) == 0)


@pytest.mark.parametrize(
    "broken",
    [
        b"\xc1",
        b"\x94\x00\x01\xa1m\x91\xd4\x01\x02",
        b"\x94\x00\x01\xa1m" + b"\x91" * 40,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        packed([]),
        packed([0]),
        packed([0, 1]),
        packed([2]),
        packed([0, 1, 5, []]),
        packed([1, 1, None, True]),
        packed([0, 2**32, "size", [""]]),
        packed({}),
    ],
)
def test_broken_input_closes_after_the_answers_before(running, peer, broken, caplog):
    peer.send([0, 1, "size", [""]], broken, [0, 2, "clear", [""]])
    assert msgpack.unpackb(peer.rest(), raw=True) == [1, 1, None, 0]
    assert "is given up" in caplog.text
    with Peer(running.port) as other:
        assert other.call("size") == (None, 0)


def test_stop_answers_what_runs_and_drops_what_waits(running, peer):
    peer.send([0, 1, "learn_slowly", ["", "slow"]], [0, 2, "learn", ["", [["dropped"]]]])
    assert running.model.entered.acquire(timeout=DEADLINE)
    with Peer(running.port) as idle:
        running.begin_stop()
        assert idle.rest() == b""
        with pytest.raises(OSError, match=r"refused|reset"):
            Peer(running.port)
        running.model.gate.set()
        assert peer.answers(1) == [[1, 1, None, 1]]
        assert peer.rest() == b""
    assert running.model.learned == ["slow"]


# Limits


def test_message_too_large():
    with serving(limits=Limits(max_message_bytes=10_000)) as running, Peer(running.port) as peer:
        assert peer.call("echo", "x" * 9_900)[0] is None
        peer.send([0, 5, "size", [""]], [0, 6, "echo", ["", "x" * 20_000]])
        peer.send(b"more" * 100_000)  # what is under way does not keep the client from reading why
        assert peer.answers(2) == [
            [1, 5, None, 0],
            [1, 6, b"message is larger than the limit of 10000 bytes", None],
        ]
        assert peer.rest() == b""
        with Peer(running.port) as other:
            assert other.call("size") == (None, 0)


def test_too_many_connections():
    with serving(limits=Limits(max_connections=2)) as running:
        with Peer(running.port) as first, Peer(running.port) as second, Peer(running.port) as third:
            third.send([0, 0, "size", [""]])
            assert third.answers(1) == [[1, 0, b"server is full: 2 connections are open", None]]
            assert third.rest() == b""
            assert first.call("size") == second.call("size") == (None, 0)
        until(lambda: running.on_loop(lambda: running.server.connections) == 0)
        assert running.server.refused_connections == 1
        with Peer(running.port) as again:
            assert again.call("size") == (None, 0)


def test_many_refused_connections_go_away():
    with serving(limits=Limits(max_connections=1)) as running, Peer(running.port) as first:
        assert first.call("size") == (None, 0)
        for _ in range(200):
            with Peer(running.port) as other:
                other.socket.shutdown(socket.SHUT_WR)
                assert b"server is full" in other.rest()
        until(lambda: running.on_loop(lambda: running.server.connections) == 1)
        assert first.call("size") == (None, 0)


def test_too_many_bytes_waiting():
    with serving(limits=Limits(max_buffered_bytes=100_000)) as running:
        unfinished = packed([0, 4, "echo", ["", "x" * 70_000]])[:-1]
        with Peer(running.port) as first, Peer(running.port) as second:
            first.send(unfinished)
            until(lambda: running.on_loop(lambda: running.server.buffered_bytes) > 70_000)
            second.send(unfinished)
            assert second.answers(1) == [
                [1, 4, b"server is full: requests of 100000 bytes are waiting", None]
            ]
            assert second.rest() == b""
            first.send(b"x")
            assert first.answers(1)[0][3] == b"x" * 70_000
        until(lambda: running.on_loop(lambda: running.server.buffered_bytes) == 0)


def test_reading_pauses_while_a_call_runs():
    with serving() as running, Peer(running.port) as peer:
        peer.send([0, 1, "wait_here", ["", LARGE]])
        assert running.model.entered.acquire(timeout=DEADLINE)
        request = packed([0, 2, "echo", ["", "x" * 1000]])
        sent = send_until_stopped(peer, request)
        assert running.on_loop(lambda: running.server.buffered_bytes) < 1_000_000
        running.model.gate.set()
        count = sent // len(request)
        assert len(peer.answers(1 + count)) == 1 + count


def test_a_client_that_does_not_read_stops_being_served():
    with serving() as running, Peer(running.port, receive_buffer=4096) as peer, Peer(running.port) as other:
        big = packed([0, 1, "echo", ["", "x" * 15_000]])
        sent = send_until_stopped(peer, big)
        served = running.on_loop(lambda: running.server.counts["echo"].requests)
        assert other.call("size") == (None, 0)
        assert running.on_loop(lambda: running.server.counts["echo"].requests) == served
        count = sent // len(big)
        assert len(peer.answers(count)) == count


def test_idle_connections_are_closed():
    with serving(limits=Limits(idle_seconds=0.2)) as running, Peer(running.port) as peer:
        assert peer.call("size") == (None, 0)
        assert peer.rest() == b""


def test_notifies_do_not_keep_a_connection_open():
    with serving(limits=Limits(idle_seconds=0.3)) as running, Peer(running.port) as peer:
        peer.socket.settimeout(0.05)
        while True:
            peer.send([2, "size", [""]])
            with contextlib.suppress(TimeoutError):
                assert peer.socket.recv(1) == b""
                break


def test_requests_keep_a_connection_open():
    with serving(limits=Limits(idle_seconds=0.4)) as running, Peer(running.port) as peer:
        for _ in range(8):
            assert peer.call("size") == (None, 0)
            time.sleep(0.1)


def test_a_long_call_is_not_idle():
    with serving(limits=Limits(idle_seconds=0.1)) as running, Peer(running.port) as peer:
        peer.send([0, 1, "wait_here", ["", LARGE]])
        assert running.model.entered.acquire(timeout=DEADLINE)
        time.sleep(0.4)
        running.model.gate.set()
        assert peer.answers(1) == [[1, 1, None, True]]
        assert peer.rest() == b""


def test_an_unfinished_message_ends_with_the_idle_timeout():
    with serving(limits=Limits(idle_seconds=0.2)) as running, Peer(running.port) as peer:
        peer.send(packed([0, 1, "size", [""]])[:-1])
        assert peer.rest() == b""


# The update log


class Log:
    """An update log that becomes durable when the test says so."""

    def __init__(self):
        self.records = []
        self.durable = 0
        self.failure = None
        self._changed = []

    def append(self, method, params, source):
        assert source.number >= 1
        if self.failure is not None:
            raise self.failure
        self.records.append((method, bytes(params)))
        return len(self.records)

    def flush(self):
        pass

    def subscribe(self, changed):
        self._changed.append(changed)

    def set(self, durable=None, failure=None):
        self.durable = len(self.records) if durable is None else durable
        self.failure = failure
        for changed in self._changed:
            changed()


def test_updates_are_logged_in_order_and_analyses_are_not():
    log = Log()
    log.durable = 1000
    with serving(log=log) as running, Peer(running.port) as peer:
        large = ["", [["x" * 20_000]]]
        peer.send([0, 1, "learn", ["", [["a"]]]], [0, 2, "size", [""]], [0, 3, "learn", large])
        peer.send([2, "learn", ["", [["b"]]]], [0, 4, "clear", [""]])
        assert [answer[1] for answer in peer.answers(4)] == [1, 2, 3, 4]
    assert log.records == [
        (b"learn", packed(["", [["a"]]])),
        (b"learn", packed(large)),
        (b"learn", packed(["", [["b"]]])),
        (b"clear", packed([""])),
    ]


def test_an_update_is_answered_when_it_is_durable():
    log = Log()
    with serving(log=log) as running, Peer(running.port) as peer, Peer(running.port) as other:
        peer.send(*([0, i, "learn", ["", [["a"]]]] for i in range(5)), [0, 5, "size", [""]])
        until(lambda: len(log.records) == 5)
        assert other.call("size") == (None, 5)  # applied, and seen by others
        peer.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            peer.socket.recv(1)
        peer.socket.settimeout(DEADLINE)
        log.set(durable=3)
        assert peer.answers(3) == [[1, i, None, 1] for i in range(3)]
        log.set(durable=5)
        assert peer.answers(3) == [[1, 3, None, 1], [1, 4, None, 1], [1, 5, None, 5]]


def test_a_log_that_fails_fails_the_updates():
    log = Log()
    with serving(log=log) as running, Peer(running.port) as peer:
        peer.send([0, 1, "learn", ["", [["a"]]]], [0, 2, "size", [""]])
        until(lambda: len(log.records) == 1)
        log.set(durable=0, failure=OSError("No space left on device"))
        assert peer.answers(2) == [[1, 1, b"No space left on device", None], [1, 2, None, 1]]
        assert peer.call("learn", [["b"]]) == (b"No space left on device", None)
        assert peer.call("size") == (None, 1)


def test_stop_waits_for_the_log():
    log = Log()
    with serving(log=log) as running, Peer(running.port) as peer:
        peer.send([0, 1, "learn", ["", [["a"]]]])
        until(lambda: len(log.records) == 1)
        running.begin_stop()
        peer.socket.settimeout(0.1)
        with pytest.raises(TimeoutError):
            peer.socket.recv(1)
        peer.socket.settimeout(DEADLINE)
        log.set()
        assert peer.answers(1) == [[1, 1, None, 1]]


# Whatever is sent


@pytest.fixture(scope="module")
def long_running():
    model = Counting()
    model.learned.append("kept")
    with serving(model, limits=Limits(max_message_bytes=100_000)) as server:
        yield server


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    data=st.lists(
        st.binary(max_size=60)
        | st.sampled_from(
            [
                packed([0, 1, "size", [""]]),
                packed([0, 2, "echo", ["", "x" * 30_000]]),
                packed([0, 3, "fail", ["", "break"]]),
                packed([2, "echo", ["", []]]),
                packed([0, 4, "learn", ["", [["x", "y"]]]]),
                packed([0, 5]),
                b"\xdd\xff\xff\xff\xff",
                b"\xdb\xff\xff\xff\xff",
                b"\x94",
                b"\x91" * 40,
            ]
        ),
        max_size=8,
    )
)
def test_any_bytes_leave_the_server_alive_and_its_model_as_it_was(long_running, data):
    with Peer(long_running.port) as peer:
        try:
            for piece in data:
                peer.send(piece)
            peer.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was closed already
        peer.rest()
    with Peer(long_running.port) as peer:
        assert peer.call("size") == (None, 1)
    assert long_running.model.learned == ["kept"]
