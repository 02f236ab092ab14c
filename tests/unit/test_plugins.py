"""Extractors written in Python, loaded as Jubatus' python bridge loads them."""

import sys
import textwrap

import msgpack
import pytest

from duma import _core
from duma.configuration import check
from duma.convert import CONVERTER, ConversionError, ConverterError, build_converter
from duma.convert.plugins import load_plugin

BRIDGE = {"method": "dynamic", "path": "libpython_bridge.so"}


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Writes a module into the plugin folder and returns the parameters that load its class `Plugin`."""
    folder = tmp_path / "python"
    folder.mkdir()
    monkeypatch.setenv("JUBATUS_PLUGIN_PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    modules = set(sys.modules)

    def write(function, body, name="duma_test_plugin"):
        (folder / f"{name}.py").write_text(textwrap.dedent(body))
        return {**BRIDGE, "function": function, "module": name, "class": "Plugin"}

    yield write
    for module in set(sys.modules) - modules:
        if module.startswith("duma_test_plugin"):
            del sys.modules[module]


def returning(plugin, function, expression, method=None):
    """A plugin whose method returns an expression of its arguments."""
    method = method or {"word_splitter": "split"}.get(function, "extract")
    return plugin(
        function,
        f"""
        class Plugin:
            @staticmethod
            def create(params):
                return Plugin()

            def {method}(self, *arguments):
                return {expression}
        """,
    )


def load(parameters, section="string_types"):
    return load_plugin(parameters, section)


class TestUse:
    def test_all_interfaces_in_a_converter(self, plugin):
        plugin(
            "string_feature",
            """
            class Words:
                def __init__(self, params):
                    self.score = float(params["score"])

                @classmethod
                def create(cls, params):
                    return cls(params)

                def extract(self, text):
                    return [(0, len(word), word, self.score) for word in text.split()]

            class Halves:
                @staticmethod
                def create(params):
                    return Halves()

                def split(self, text):
                    size = len(text.encode())
                    return [(0, size // 2), (size // 2, size)]

            class Multiplier:
                @staticmethod
                def create(params):
                    multiplier = Multiplier()
                    multiplier.n = int(params.get("n", 2))
                    return multiplier

                def extract(self, key, value):
                    return [(key + "#multiplied", value * self.n)]

            class Length:
                @staticmethod
                def create(params):
                    return Length()

                def extract(self, key, value):
                    assert isinstance(value, bytes)
                    return [("length_" + key, len(value))]
            """,
        )

        def of(function, name, **others):
            return {**BRIDGE, "function": function, "module": "duma_test_plugin", "class": name, **others}

        weights = {"sample_weight": "tf", "global_weight": "bin"}
        section = {
            "string_types": {
                "words": of("string_feature", "Words", score="1.5"),
                "halves": of("word_splitter", "Halves"),
            },
            "string_rules": [
                {"key": "*", "type": "words", **weights},
                {"key": "*", "type": "halves", **weights},
            ],
            "num_types": {"times": of("num_feature", "Multiplier", n="3")},
            "num_rules": [{"key": "*", "type": "times"}],
            "binary_types": {"length": of("binary_feature", "Length")},
            "binary_rules": [{"key": "*", "type": "length", "except": "*"}],
        }
        extractor = _core.FeatureExtractor(build_converter(check(CONVERTER, section)))
        datum = msgpack.packb([[["t", "日本 日本"]], [["n", 2.0]], [["b", b"\xff\0"]]], use_bin_type=False)
        assert extractor.convert(datum) == [
            ("t$日本@words#tf/bin".encode(), 3.0),
            (b"t$\xe6\x97\xa5\xe6\x9c\xac@halves#tf/bin", 1.0),
            (b"t$ \xe6\x97\xa5\xe6\x9c\xac@halves#tf/bin", 1.0),
            (b"n@times#multiplied", 6.0),
            (b"length_b@length", 2.0),
        ]

    def test_create_gets_every_entry_of_the_type(self, plugin):
        parameters = plugin(
            "string_feature",
            """
            class Plugin:
                @staticmethod
                def create(params):
                    plugin = Plugin()
                    plugin.params = params
                    return plugin

                def extract(self, text):
                    return [(0, 0, key + "=" + value, 1) for key, value in sorted(self.params.items())]
            """,
        )
        parameters["extra"] = "名"
        extracted = load(parameters)(b"")
        assert extracted == [(f"{k}={v}".encode(), 1.0) for k, v in sorted(parameters.items())]

    def test_a_path_may_lead_to_the_bridge(self, plugin):
        parameters = returning(plugin, "word_splitter", "[]")
        parameters["path"] = "/usr/lib/jubatus/plugin/libpython_bridge.so"
        assert load(parameters)(b"a") == []

    def test_word_splitters_give_byte_ranges(self, plugin):
        split = load(returning(plugin, "word_splitter", "[(0, 3), (3, 100), (6, 1), (0, -1), ('1', 1.9)]"))
        text = "日本".encode()
        assert split(text) == [(text[:3], 1.0), (text[3:], 1.0), (b"", 1.0), (text, 1.0), (text[1:2], 1.0)]

    def test_numbers_may_be_whatever_converts(self, plugin):
        extract = load(returning(plugin, "num_feature", "[('k', '1.5'), ('l', True), ('m', 2)]"), "num_types")
        assert extract(b"k@t", 1.0) == [(b"k", 1.5), (b"l", 1.0), (b"m", 2.0)]

    def test_feature_keys_end_at_nul(self, plugin):
        extract = load(returning(plugin, "num_feature", r"[('あ\0b', 1)]"), "num_types")
        assert extract(b"k@t", 1.0) == [("あ".encode(), 1.0)]


class TestSetUpErrors:
    @pytest.mark.parametrize("section", ["string_types", "num_types", "binary_types"])
    def test_other_libraries(self, section):
        parameters = {"method": "dynamic", "path": "libmecab_splitter.so", "function": "create"}
        with pytest.raises(ConverterError) as caught:
            load(parameters, section)
        assert str(caught.value).startswith("cannot load dynamic library: libmecab_splitter.so: ")
        assert "Python class" in str(caught.value)

    @pytest.mark.parametrize(
        ("section", "function"),
        [
            ("string_types", "create"),
            ("string_types", "num_feature"),
            ("num_types", "string_feature"),
            ("binary_types", "word_splitter"),
        ],
    )
    def test_unknown_functions(self, section, function):
        with pytest.raises(ConverterError) as caught:
            load({**BRIDGE, "function": function, "module": "m", "class": "c"}, section)
        assert str(caught.value) == f"cannot dlsym: {function}"

    @pytest.mark.parametrize("section", ["string_filter_types", "num_filter_types", "combination_types"])
    @pytest.mark.parametrize(
        ("parameters", "text"),
        [
            ({}, '"path" is not specified in parameters'),
            ({"path": "libpython_bridge.so"}, '"function" is not specified in parameters'),
            ({"path": "libpython_bridge.so", "function": "string_feature"}, "cannot dlsym: string_feature"),
            ({"path": "x.so", "function": "f"}, "cannot load dynamic library: x.so: "),
        ],
    )
    def test_filters_and_combiners_have_no_plugins(self, section, parameters, text):
        types = {section: {"name": {"method": "dynamic", **parameters}}}
        with pytest.raises(ConverterError) as caught:
            build_converter(check(CONVERTER, types))
        assert str(caught.value).startswith(text)

    @pytest.mark.parametrize("name", ["module", "class"])
    def test_missing_parameters(self, plugin, name):
        parameters = returning(plugin, "word_splitter", "[]")
        del parameters[name]
        with pytest.raises(ConverterError) as caught:
            load(parameters)
        assert str(caught.value) == f"{name} parameter is missing"

    @pytest.mark.parametrize(
        ("body", "text", "detail"),
        [
            (
                "raise RuntimeError('no')",
                "cannot import module (maybe PYTHONPATH is not set properly?): duma_test_plugin",
                "RuntimeError: no",
            ),
            (
                "import duma_test_plugin_missing",
                "cannot import module (maybe PYTHONPATH is not set properly?): duma_test_plugin",
                "ModuleNotFoundError: No module named 'duma_test_plugin_missing'",
            ),
            ("", "cannot get class from module: Plugin", ""),
            ("class Plugin: pass", "cannot get create method of the class: Plugin", ""),
            (
                "class Plugin:\n    @staticmethod\n    def create(params):\n        raise KeyError('dict')",
                "failed to call create method of the class: Plugin",
                "KeyError: 'dict'",
            ),
        ],
    )
    def test_modules_that_cannot_be_used(self, plugin, body, text, detail):
        with pytest.raises(ConverterError) as caught:
            load(plugin("word_splitter", body))
        assert str(caught.value) == text
        assert detail in caught.value.detail

    def test_a_module_that_is_not_there(self, monkeypatch):
        monkeypatch.delenv("JUBATUS_PLUGIN_PATH", raising=False)
        with pytest.raises(ConverterError, match="cannot import module"):
            load({**BRIDGE, "function": "word_splitter", "module": "duma_test_nowhere", "class": "c"})


class TestConversionErrors:
    @pytest.mark.parametrize(
        ("function", "expression", "text"),
        [
            ("string_feature", "1 / 0", "extract method cannot be called"),
            ("word_splitter", "undefined", "split method cannot be called"),
            ("string_feature", "()", "extract method returned non-list type: ()"),
            ("word_splitter", "None", "split method returned non-list type: None"),
            ("string_feature", "[1]", "list must not contain non-tuple: 1"),
            ("word_splitter", "[[0, 1]]", "list must not contain non-tuple: [0, 1]"),
            ("string_feature", "[(0, 1, 'a')]", "tuple length must be 4: (0, 1, 'a')"),
            ("word_splitter", "[(0, 1, 2)]", "tuple length must be 2: (0, 1, 2)"),
            ("string_feature", "[('x', 1, 'a', 1)]", "begin must be a number: 'x'"),
            ("string_feature", "[(0, None, 'a', 1)]", "length must be a number: None"),
            ("string_feature", "[(0, 1, b'a', 1)]", "value must be a unicode string: b'a'"),
            ("string_feature", "[(0, 1, 'a', 'x')]", "score must be a number: 'x'"),
            ("string_feature", r"[(0, 1, '\ud800', 1)]", r"value cannot be encoded: '\ud800'"),
            ("word_splitter", "[('x', 1)]", "begin must be a number: 'x'"),
            ("word_splitter", "[(0, 'x')]", "length must be a number: 'x'"),
            (
                "word_splitter",
                "[(5, 1)]",
                "basic_string::substr: __pos (which is 5) > this->size() (which is 4)",
            ),
            (
                "word_splitter",
                "[(-1, 1)]",
                "basic_string::substr: __pos (which is 18446744073709551615) > this->size() (which is 4)",
            ),
        ],
    )
    def test_strings(self, plugin, function, expression, text):
        extract = load(returning(plugin, function, expression))
        with pytest.raises(ConversionError) as caught:
            extract(b"text")
        assert str(caught.value) == text

    @pytest.mark.parametrize(
        ("function", "section"), [("num_feature", "num_types"), ("binary_feature", "binary_types")]
    )
    @pytest.mark.parametrize(
        ("expression", "text"),
        [
            ("1 / 0", "extract method cannot be called"),
            ("{}", "extract method returned non-list type: {}"),
            ("['ab']", "list must not contain non-tuple: 'ab'"),
            ("[('a', 1, 2)]", "tuple length must be 2: ('a', 1, 2)"),
            ("[(b'a', 1)]", "feature key must be a unicode string: b'a'"),
            ("[('a', 'x')]", "feature value must be a number: 'x'"),
            ("[('a', None)]", "feature value must be a number: None"),
        ],
    )
    def test_numbers_and_binaries(self, plugin, function, section, expression, text):
        extract = load(returning(plugin, function, expression), section)
        with pytest.raises(ConversionError) as caught:
            extract(b"key@type", b"" if function == "binary_feature" else 1.0)
        assert str(caught.value) == text

    def test_texts_and_keys_that_are_not_utf8(self, plugin):
        extract = load(returning(plugin, "string_feature", "[]"))
        with pytest.raises(ConversionError) as caught:
            extract(b"a\xff")
        assert str(caught.value) == r"cannot convert input text to Python object: a\xff"
        with pytest.raises(ConversionError) as caught:
            extract(b"a\x00\xff")
        assert str(caught.value) == "cannot convert input text to Python object: a\0\\xff"
        extract = load(returning(plugin, "num_feature", "[]"), "num_types")
        with pytest.raises(ConversionError, match=r"^cannot convert input key to Python object: \\xff@t$"):
            extract(b"\xff@t", 1.0)

    def test_the_method_is_missing(self, plugin):
        extract = load(returning(plugin, "string_feature", "[]", method="other"))
        with pytest.raises(ConversionError, match=r"^extract method cannot be called$"):
            extract(b"")

    def test_the_text_reaches_the_caller_of_the_core(self, plugin):
        section = {
            "num_types": {"n": returning(plugin, "num_feature", "[1]")},
            "num_rules": [{"key": "*", "type": "n"}],
        }
        extractor = _core.FeatureExtractor(build_converter(section))
        with pytest.raises(_core.ConversionError, match=r"^list must not contain non-tuple: 1$"):
            extractor.update(msgpack.packb([[], [["a", 1.0]], []]))
