"""Maps and queues that share with their copies, beside a dict and a deque."""

from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duma.engines.shared_collections import SharedMap, SharedQueue

KEYS = [f"k{n}" for n in range(20)] + ["", "\udcff", "é"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["set", "pop", "copy"]), st.sampled_from(KEYS), st.integers()), max_size=80
    )
)
@settings(max_examples=80, deadline=None)
def test_a_map_and_its_copies(steps: list[tuple[str, str, int]]) -> None:
    pairs: list[tuple[SharedMap[int], dict[str, int]]] = [(SharedMap(), {})]
    for step, key, value in steps:
        shared, plain = pairs[value % len(pairs)]
        if step == "set":
            shared[key] = plain[key] = value
        elif step == "pop":
            assert shared.pop(key) == plain.pop(key, None)
        else:
            pairs.append((shared.copy(), plain.copy()))
    for shared, plain in pairs:
        assert (len(shared), dict(shared.items())) == (len(plain), plain)
        assert [shared.get(key) for key in KEYS] == [plain.get(key) for key in KEYS]


def test_a_map_is_filled_in_any_order_of_keys() -> None:
    entries = [(f"key{n}", n) for n in range(5000)]
    made = SharedMap(entries)
    assert sorted(made.items(), key=lambda item: item[1]) == entries


@given(st.lists(st.integers(-900, 2100), max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_queue_and_its_copies(steps: list[int]) -> None:
    queue: SharedQueue[int] = SharedQueue()
    plain: deque[int] = deque()
    copies: list[tuple[Any, list[int]]] = []
    number = 0
    for step in steps:
        for _ in range(abs(step)):
            if step > 0:
                number += 1
                queue.append(number)
                plain.append(number)
            elif plain:
                assert queue.popleft() == plain.popleft()
        copies.append((queue.copy(), list(plain)))
    for copy, expected in copies:
        assert (len(copy), list(copy)) == (len(expected), expected)


def test_an_empty_queue() -> None:
    queue: SharedQueue[int] = SharedQueue()
    with pytest.raises(IndexError):
        queue.popleft()
    assert list(queue.copy()) == []
