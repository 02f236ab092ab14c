"""The splitter: whole messages out of bytes that come in any pieces, and a clear end where they are none."""

import itertools

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duma._core import Splitter, error_response, response


def packed(value, **kwargs):
    return msgpack.packb(value, use_bin_type=False, **kwargs)


def split(data, cuts=(), *, max_bytes=1 << 20, max_depth=32):
    """The requests in `data`, fed in pieces that end at `cuts`, and why it cannot be read on."""
    splitter = Splitter(max_bytes, max_depth)
    requests = []
    edges = [0, *sorted(cuts), len(data)]
    for begin, end in itertools.pairwise(edges):
        requests += splitter.feed(data[begin:end])
    return [plain(request) for request in requests], splitter.broken


def plain(request):
    id_, method, params, arguments = request
    return id_, bytes(method), bytes(params), None if arguments is None else [bytes(a) for a in arguments]


def test_request_of_the_specification():
    data = bytes.fromhex("940001a5636c65617291a163")
    assert split(data) == ([(1, b"clear", b"\x91\xa1c", [b"\xa1c"])], None)


def test_notify_of_the_specification():
    data = bytes.fromhex("9302a5636c65617291a163")
    assert split(data) == ([(None, b"clear", b"\x91\xa1c", [b"\xa1c"])], None)


def test_arguments_are_cut_apart():
    data = bytes.fromhex("940002a8636c61737369667992a091939192a16ba1769192a16ecb3ff000000000000090")
    [(_, method, params, arguments)], broken = split(data)
    assert (method, broken) == (b"classify", None)
    assert arguments == [b"\xa0", params[2:]]
    assert b"".join([b"\x92", *arguments]) == params


@pytest.mark.parametrize("id_", [0, 1, 127, 128, 255, 256, 65535, 65536, 2**31, 2**32 - 1])
def test_every_uint32_is_an_id(id_):
    requests, broken = split(packed([0, id_, "size", [""]]))
    assert (requests[0][0], broken) == (id_, None)


def test_ids_in_longer_encodings_are_accepted():
    for id_ in (
        b"\xcc\x05",
        b"\xcd\x00\x05",
        b"\xce\x00\x00\x00\x05",
        b"\xcf" + bytes(7) + b"\x05",
        b"\xd0\x05",
    ):
        assert split(b"\x94\x00" + id_ + b"\xa1m\x90")[0] == [(5, b"m", b"\x90", [])]


@pytest.mark.parametrize(
    "name", [b"\xd9\x04size", b"\xc4\x04size", b"\xda\x00\x04size", b"\xdb\x00\x00\x00\x04size"]
)
def test_every_raw_is_a_method_name(name):
    assert split(b"\x94\x00\x01" + name + b"\x90") == ([(1, b"size", b"\x90", [])], None)


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ([0, 1, "sum"], (1, b"sum", b"\xc0", None)),  # params missing: as nil
        ([2, "sum"], (None, b"sum", b"\xc0", None)),
        ([0, 1, "sum", None], (1, b"sum", b"\xc0", None)),
        ([0, 1, "sum", {}], (1, b"sum", b"\x80", None)),
        ([0, 1, "sum", {"a": 1}], (1, b"sum", b"\x81\xa1a\x01", None)),
        ([0, 1, "sum", 5], (1, b"sum", b"\x05", None)),
        ([0, 1, "sum", []], (1, b"sum", b"\x90", [])),
        ([0, 1, "sum", ["a"], "more", [1, 2]], (1, b"sum", b"\x91\xa1a", [b"\xa1a"])),
        ([2, "sum", ["a"], ["b", "c"]], (None, b"sum", b"\x91\xa1a", [b"\xa1a"])),
    ],
)
def test_lenient_envelopes(message, request_):
    assert split(packed(message)) == ([request_], None)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xc1", "no MessagePack value"),
        (b"\x94\x00\x01\xa1m\x91\xd4\x01\x02", "no MessagePack value"),
        (b"\x94\x00\x01\xa1m\x91\xc7\x01\x02\x03", "no MessagePack value"),
        (packed(5), "not an array"),
        (packed({}), "not an array"),
        (packed({1: 2}), "not an array"),
        (packed("GET / HTTP/1.1"), "not an array"),
        (b"GET / HTTP/1.1\r\n", "not an array"),
        (packed([]), "neither a request nor a notify"),
        (packed(["x", 1, "m", []]), "neither a request nor a notify"),
        (packed([1, 1, None, True]), "neither a request nor a notify"),  # a response
        (packed([3, 1, "m", []]), "neither a request nor a notify"),
        (packed([-1, 1, "m", []]), "neither a request nor a notify"),
        (packed([0]), "no method"),
        (packed([0, 1]), "no method"),
        (packed([2]), "no method"),
        (packed([0, 1, 5, []]), "name is not a string"),
        (packed([0, 1, None, []]), "name is not a string"),
        (packed([2, 5, []]), "name is not a string"),
        (packed([0, -1, "m", []]), "id is not a uint32"),
        (packed([0, 2**32, "m", []]), "id is not a uint32"),
        (packed([0, 1.0, "m", []]), "id is not a uint32"),
        (packed([0, None, "m", []]), "id is not a uint32"),
        (packed([0, "1", "m", []]), "id is not a uint32"),
    ],
)
def test_what_ends_a_stream(data, why):
    good = packed([0, 7, "size", [""]])
    requests, broken = split(good + data + good)
    assert [request[0] for request in requests] == [7]
    assert why in broken


def test_nothing_is_read_after_the_end():
    splitter = Splitter(1 << 20)
    assert splitter.feed(b"\xc1") == []
    assert splitter.feed(packed([0, 1, "size", [""]])) == []
    assert "no MessagePack value" in splitter.broken


def nested(levels):
    return packed([0, 1, "m", []])[:-1] + b"\x91" * levels + b"\xc0"


def test_nesting_limit_counts_envelope_and_params():
    assert split(nested(31))[1] is None
    assert "nested too deep" in split(nested(32))[1]
    assert "nested too deep" in split(b"\x91" * 33)[1]
    assert split(nested(3), max_depth=4)[1] is None
    assert "nested too deep" in split(nested(4), max_depth=4)[1]


def test_an_empty_container_counts_as_deep_as_it_stands():
    assert "nested too deep" in split(b"\x94\x00\x01\xa1m" + b"\x91" * 31 + b"\x90")[1]
    assert split(b"\x94\x00\x01\xa1m" + b"\x91" * 30 + b"\x90")[1] is None


def test_a_pair_at_the_limit_is_too_deep():
    pair = b"\x92\xa1k\xcb" + bytes(8) + packed([2, "size", [""]]) * 5
    deep = b"\x94\x00\x01\xa1m" + b"\x91" * 30
    assert split(deep + pair)[1] is None
    assert "nested too deep" in split(deep + b"\x91" + pair)[1]


def test_size_limit_is_exact():
    message = packed([0, 1, "m", ["x" * 100]])
    assert split(message, max_bytes=len(message))[1] is None
    assert "larger" in split(message, max_bytes=len(message) - 1)[1]


def test_a_declared_length_is_refused_before_it_comes():
    for header in (
        b"\xdb\x7f\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\x7f\xff\xff\xff",
    ):
        splitter = Splitter(1 << 20)
        splitter.feed(b"\x94\x00\x09\xa1m" + header)
        splitter.feed(b"\x00")
        assert "larger" in splitter.broken
        assert splitter.too_large
        assert splitter.unfinished_id == 9


def test_the_limit_is_for_each_message():
    message = packed([0, 1, "m", ["x" * 100]])
    requests, broken = split(message * 50, max_bytes=len(message))
    assert (len(requests), broken) == (50, None)


def test_large_messages_are_not_copied_and_stay_as_they_are():
    splitter = Splitter(1 << 30)
    large = packed([0, 1, "m", ["", "x" * 200_000]])
    small = packed([0, 2, "m", ["y"]])
    requests = splitter.feed(large + small + large + small[:5])
    assert [request[0] for request in requests] == [1, 2, 1]
    assert isinstance(requests[0][2], memoryview)
    assert requests[0][2].readonly
    assert isinstance(requests[1][2], bytes)
    later = splitter.feed(small[5:] + large * 3)
    assert [plain(r) for r in requests[::2]] == [plain(r) for r in later[1:3]]
    assert bytes(requests[0][3][1]) == packed("x" * 200_000)
    assert splitter.pending == 0


def test_room_and_received_are_feed_without_a_copy():
    data = packed([0, 1, "m", ["", "x" * 300_000]]) + packed([2, "n", [1, 2, 3]])
    splitter = Splitter(1 << 20)
    requests, at = [], 0
    while at < len(data):
        room = splitter.room()
        assert len(room) >= 32 * 1024
        n = min(len(room), len(data) - at, 10_007)
        room[:n] = data[at : at + n]
        requests += splitter.received(n)
        at += n
    assert ([plain(request) for request in requests], None) == split(data)


def test_more_received_than_there_was_room_for_is_refused():
    splitter = Splitter(1 << 20)
    with pytest.raises(ValueError, match="more bytes received"):
        splitter.received(1)
    splitter.room()
    with pytest.raises(ValueError, match="more bytes received"):
        splitter.received(1 << 20)


def test_many_arguments_are_cut_off_at_sixteen():
    [(_, _, params, arguments)], _ = split(packed([0, 1, "m", list(range(1000))]))
    assert arguments == [packed(i) for i in range(16)]
    assert params == packed(list(range(1000)))
    [(_, _, _, arguments)], _ = split(packed([0, 1, "m", list(range(16))]))
    assert arguments == [packed(i) for i in range(16)]


def test_pending_counts_what_is_not_complete():
    splitter = Splitter(1 << 20)
    message = packed([0, 3, "m", ["abc"]])
    splitter.feed(message + message[:6])
    assert splitter.pending == 6
    assert splitter.unfinished_id == 3
    splitter.feed(message[6:])
    assert splitter.pending == 0
    assert splitter.unfinished_id is None


def test_responses_of_the_specification():
    assert response(1, b"\xc3").hex(" ") == "94 01 01 c0 c3"
    assert response(2, bytes.fromhex("919192a47370616dcb3fe0000000000000")).hex() == (
        "940102c0919192a47370616dcb3fe0000000000000"
    )
    assert error_response(1, b"\x01", packed("foo")).hex(" ") == "94 01 01 01 a3 66 6f 6f"
    assert error_response(1, packed("x"), b"\xc0") == packed([1, 1, "x", None])


@pytest.mark.parametrize("id_", [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1])
def test_response_ids_take_their_shortest_form(id_):
    assert response(id_, b"\x2a") == packed([1, id_, None, 42])


def test_response_refuses_other_ids():
    for id_ in (-1, 2**32):
        with pytest.raises(TypeError):
            response(id_, b"\xc0")


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.binary(max_size=40)
    | st.text(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=20)
        | st.dictionaries(st.text(max_size=5), inner, max_size=5)
        | st.tuples(inner, inner)
    ),
    max_leaves=30,
)
messages = st.tuples(
    st.just(0), st.integers(0, 2**32 - 1), st.text(max_size=50), st.lists(values, max_size=6)
).map(list) | st.tuples(st.just(2), st.text(max_size=50), st.lists(values, max_size=6)).map(list)


@given(st.lists(messages, max_size=5), st.booleans(), st.lists(st.integers(0, 2000)))
def test_any_messages_in_any_pieces(given_messages, new_types, cuts):
    packs = [msgpack.packb(m, use_bin_type=new_types, unicode_errors="surrogatepass") for m in given_messages]
    data = b"".join(packs)
    requests, broken = split(data, [cut for cut in cuts if cut < len(data)])
    assert broken is None
    expected = []
    for *head, method, params in given_messages:
        arguments = [msgpack.packb(a, use_bin_type=new_types, unicode_errors="surrogatepass") for a in params]
        expected.append((head[1] if len(head) == 2 else None, method.encode(), arguments))
    assert [(id_, method, arguments) for id_, method, _, arguments in requests] == expected


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.integers(1, 200))
def test_any_bytes_in_any_pieces_end_the_same(data, cuts, limit):
    at_once = split(data, max_bytes=limit)
    assert split(data, [cut for cut in cuts if cut < len(data)], max_bytes=limit) == at_once
    assert split(data, range(1, len(data)), max_bytes=limit) == at_once


@given(
    st.lists(messages, min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), min_size=1, max_size=4),
    st.lists(st.integers(0, 1000)),
)
def test_damaged_messages_in_any_pieces_end_the_same(given_messages, changes, cuts):
    data = bytearray(b"".join(msgpack.packb(m, unicode_errors="surrogatepass") for m in given_messages))
    for position, value in changes:
        data[position % len(data)] = value
    data = bytes(data)
    at_once = split(data)
    assert split(data, [cut for cut in cuts if cut < len(data)]) == at_once
    for id_, _, params, arguments in at_once[0]:
        assert id_ is None or 0 <= id_ < 2**32
        if arguments is not None and len(arguments) < 16:
            assert params.endswith(b"".join(arguments))
