"""Which ids may name a saved model, and where the file lies."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duma.server.model_path import InvalidId, model_path

ALLOWED = string.ascii_letters + string.digits + "_-."


@pytest.mark.parametrize(
    "model_id", ["a", "Z", "0", "_", "-", "model_1", "2019.01.28", "a.", "a..b", "x" * 100]
)
def test_good_ids(model_id: str) -> None:
    path = model_path("/data", "10.0.0.1", 9199, "classifier", model_id)
    assert path == Path(f"/data/10.0.0.1_9199_classifier_{model_id}.jubatus")


@pytest.mark.parametrize(
    ("model_id", "text"),
    [
        ("", "empty id is not allowed"),
        ("/", "model ID contains invalid character"),
        ("a/b", "model ID contains invalid character: '/'"),
        ("../../etc/passwd", "model ID contains invalid character"),
        ("..", "model ID contains invalid character"),
        (".", "model ID contains invalid character"),
        (".hidden", "model ID contains invalid character: '.' at the beginning"),
        ("a b", "model ID contains invalid character: ' '"),
        ("a\\b", "model ID contains invalid character"),
        ("a\0b", r"model ID contains invalid character: '\x00'"),
        ("a\n", "model ID contains invalid character"),
        ("a\x7f", "model ID contains invalid character"),
        ("~", "model ID contains invalid character"),
        ("$HOME", "model ID contains invalid character"),
        ("é", "model ID contains invalid character"),
        ("モデル", "model ID contains invalid character"),
        ("٣", "model ID contains invalid character"),
        ("\udcff", "model ID contains invalid character"),
        ("x" * 101, "model ID is too long: 101 characters, at most 100"),
    ],
)
def test_bad_ids(model_id: str, text: str) -> None:
    with pytest.raises(InvalidId) as caught:
        model_path("/data", "10.0.0.1", 9199, "classifier", model_id)
    assert str(caught.value).startswith(text)
    str(caught.value).encode("ascii")  # it is an answer on the wire and a line of the log


@given(st.text(max_size=110))
def test_no_id_leaves_the_folder(model_id: str) -> None:
    try:
        path = model_path("/data/models", "10.0.0.1", 9199, "stat", model_id)
    except InvalidId:
        assert not model_id or set(model_id) - set(ALLOWED) or model_id[0] == "." or len(model_id) > 100
    else:
        assert path.parent == Path("/data/models")
        assert "/" not in model_id
        assert "\0" not in str(path)
