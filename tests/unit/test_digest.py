"""The digest of a state: the same for the same state, another for any other."""

from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st
from journaled_folder import TRAINING, apply, labeled
from server_process import CONFIG

import duma
from duma.server.digest import state_digest


class Holding:
    """An engine that has user data and nothing else."""

    type = "holding"
    config_text = "{}"

    def __init__(self, packed: bytes, hidden: bytes = b"") -> None:
        self._packed, self._hidden = packed, hidden

    def hidden_state(self) -> bytes:
        return self._hidden

    def snapshot(self) -> Any:
        return self

    def chunks(self) -> list[bytes]:
        return [self._packed[:5], self._packed[5:]]


def digest(value: Any) -> str:
    return state_digest(Holding(msgpack.packb([1, value])))  # type: ignore[arg-type]


def shuffled(value: Any, draw: Any) -> Any:
    """The same value with its maps in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], draw) for key in draw(st.permutations(list(value)))}
    if isinstance(value, list):
        return [shuffled(item, draw) for item in value]
    return value


KEYS = st.binary(max_size=3) | st.integers(-3, 300)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(KEYS, inner, max_size=20),
    max_leaves=40,
)


@given(VALUES, st.data())
def test_the_order_of_maps_does_not_count(value: Any, data: st.DataObject) -> None:
    assert digest(value) == digest(shuffled(value, data.draw))


@given(VALUES, VALUES)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    # What MessagePack tells apart: Python takes 1, 1.0 and True for the same.
    if repr(one) == repr(other):
        assert digest(one) == digest(other)
    elif one != other:
        assert digest(one) != digest(other)


def test_structure_counts() -> None:
    values = [[], {}, [[]], [{}], {b"a": []}, {b"a": {}}, [b"a", []], [[b"a", []]], None, b"", 0, 0.0, False]
    assert len({digest(value) for value in values}) == len(values)
    moved = [{b"a": {1: 2, 3: 4}, b"b": {}}, {b"a": {1: 2}, b"b": {3: 4}}, {b"a": {1: 4, 3: 2}, b"b": {}}]
    assert len({digest(value) for value in moved}) == 3


def test_hidden_state_counts_if_it_is_asked_for() -> None:
    one, other = (Holding(msgpack.packb([1, 2]), hidden) for hidden in (b"a", b"b"))
    assert state_digest(one) != state_digest(other)  # type: ignore[arg-type]
    assert state_digest(one, hidden=False) == state_digest(other, hidden=False)  # type: ignore[arg-type]


def test_a_loaded_model_has_the_digest_of_the_saved_one(tmp_path: Any) -> None:
    engine = duma.Classifier(CONFIG)
    seen = {state_digest(engine)}
    for call in TRAINING:
        apply(engine, *call)
        seen.add(state_digest(engine))
    assert len(seen) == len(TRAINING) + 1
    engine.save(tmp_path / "model.jubatus")
    copy = duma.Classifier(CONFIG)
    copy.load(tmp_path / "model.jubatus")
    assert state_digest(copy) == state_digest(engine)
    apply(copy, "train", labeled("good", "more"))
    assert state_digest(copy) not in seen
