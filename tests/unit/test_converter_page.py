"""The converter's page: its configurations are built, and datums have the features that stand beside them."""

import json
import re
import sys
from pathlib import Path

import msgpack
import pytest

from duma import _core
from duma.configuration import check
from duma.convert import CONVERTER, build_converter

TEXT = (Path(__file__).parents[2] / "docs" / "converter.md").read_text()
# A configuration with everything up to the next one.
EXAMPLES = re.findall(r"^```json\n(.*?)^```\n(.*?)(?=^```json|\Z)", TEXT, re.DOTALL | re.MULTILINE)
ROW = re.compile(r"^\| (learned|asked|datum) \|.*|^\| `(\{.*?\})` \| (.*) \|$", re.MULTILINE)


@pytest.fixture
def hyphens(tmp_path, monkeypatch):
    """The plugin on the page, as the module that its configuration names."""
    (code,) = re.findall(r"^```python\n(class .*?)^\n\nprint", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / "hyphens.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("hyphens", None)


@pytest.mark.usefixtures("hyphens")
@pytest.mark.parametrize(("configuration", "text"), EXAMPLES)
def test_examples(configuration, text):
    section = check(CONVERTER, json.loads(configuration), ".converter")
    extractor = _core.FeatureExtractor(build_converter(section))
    convert, rows = extractor.convert, 0
    for header, datum, features in ROW.findall(text):
        if header:
            convert = extractor.update if header == "learned" else extractor.convert
            continue
        rows += 1
        found = [(key.decode(), f"{value:.6g}") for key, value in convert(packed(json.loads(datum)))]
        assert found == [tuple(code.rsplit(": ", 1)) for code in re.findall(r"`([^`]+)`", features)]
    assert rows or "dynamic" in configuration


def packed(datum):
    strings = [(key, value) for key, value in datum.items() if isinstance(value, str)]
    numbers = [(key, float(value)) for key, value in datum.items() if not isinstance(value, str)]
    return msgpack.packb([strings, numbers, []], use_bin_type=False)


@pytest.mark.usefixtures("hyphens")
def test_the_plugin_splits():
    (configuration,) = [example for example, _ in EXAMPLES if "hyphens" in example]
    extractor = _core.FeatureExtractor(build_converter(json.loads(configuration)))
    assert extractor.convert(packed({"k": "deep-sea"})) == [
        (b"k$deep@words#bin/bin", 1),
        (b"k$sea@words#bin/bin", 1),
    ]
