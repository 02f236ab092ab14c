"""The core's conversion: worked examples, and any converter and datums against the oracle."""

import math

import msgpack
import pytest
from converter_oracle import InvalidText, Oracle, OracleError, fnv, hash_map_order
from hypothesis import given, settings
from hypothesis import strategies as st

from duma import _core
from duma.configuration import check
from duma.convert import CONVERTER, build_converter
from duma.errors import DumaError

REL = 1e-12


class Core:
    """The core's conversion, with the oracle's interface."""

    def __init__(self, section):
        self.extractor = _core.FeatureExtractor(build_converter(check(CONVERTER, section)))

    def update(self, *datum):
        return self.extractor.update(msgpack.packb(datum, use_bin_type=False))

    def convert(self, *datum):
        return self.extractor.convert(msgpack.packb(datum, use_bin_type=False))


def string_rule(type_, sample="bin", weight="bin", key="*", **others):
    return {"key": key, "type": type_, "sample_weight": sample, "global_weight": weight, **others}


def strings(**values):
    return [(key.encode(), value.encode()) for key, value in values.items()], [], []


def nums(**values):
    return [], [(key.encode(), value) for key, value in values.items()], []


def readable(features):
    return [(key.decode(), value) for key, value in features]


@pytest.fixture(params=[Core, Oracle])
def convert(request):
    """The core and the oracle: the examples hold for both."""
    return request.param


class TestExamples:
    def test_keys(self, convert):
        section = {
            "string_rules": [string_rule("space", "tf", key="title"), string_rule("str", key="title")],
            "num_rules": [
                {"key": "age", "type": "num"},
                {"key": "age", "type": "log"},
                {"key": "id", "type": "str"},
            ],
        }
        datum = [(b"title", b"deep sea")], [(b"age", 29.0), (b"id", 1234567.0)], []
        assert readable(convert(section).convert(*datum)) == [
            ("title$deep@space#tf/bin", 1),
            ("title$sea@space#tf/bin", 1),
            ("title$deep sea@str#bin/bin", 1),
            ("age@num", 29),
            ("age@log", pytest.approx(3.367295829986474, rel=REL)),
            ("id@str$1.23457e+06", 1),
        ]

    def test_idf(self, convert):
        converter = convert({"string_rules": [string_rule("space", "tf", "idf")]})
        assert converter.update(*strings(k1="red blue blue")) == []
        assert readable(converter.update(*strings(k2="red red"))) == [
            ("k2$red@space#tf/idf", pytest.approx(0.8109302162163288, rel=REL))
        ]
        assert readable(converter.convert(*strings(k1="red blue blue"))) == [
            ("k1$red@space#tf/idf", pytest.approx(0.4054651081081644, rel=REL)),
            ("k1$blue@space#tf/idf", pytest.approx(0.8109302162163288, rel=REL)),
        ]
        assert readable(converter.convert(*strings(k1="zz"))) == [
            ("k1$zz@space#tf/idf", pytest.approx(1.0986122886681098, rel=REL))
        ]

    def test_idf1(self, convert):
        converter = convert({"string_rules": [string_rule("space", "tf", "idf1")]})
        assert [v for _, v in converter.update(*strings(k1="red blue blue"))] == [1, 2]
        converter.update(*strings(k2="red red"))
        (feature,) = converter.convert(*strings(k1="zz"))
        assert feature[1] == pytest.approx(2.09861228866811, rel=REL)

    def test_bm25(self, convert):
        converter = convert({"string_rules": [string_rule("space", "tf", "bm25", key="t")]})
        low, zero = pytest.approx(-1.0986122886681098, rel=REL), []
        assert converter.convert(*strings(t="x")) == zero  # nothing was ever counted
        assert [v for _, v in converter.update(*strings(t="x y"))] == [low, low]
        assert readable(converter.update(*strings(t="x x z w"))) == [
            ("t$x@space#tf/bm25", pytest.approx(-2.023293375631441, rel=REL))
        ]
        assert [v for _, v in converter.update(*strings(t="q"))] == [
            pytest.approx(0.6666707293217169, rel=REL)
        ]
        assert readable(converter.convert(*strings(t="x z"))) == [
            ("t$x@space#tf/bm25", pytest.approx(-0.5425320417928454, rel=REL)),
            ("t$z@space#tf/bm25", pytest.approx(0.5425320417928454, rel=REL)),
        ]

    def test_filters_order_and_hashing(self, convert):
        section = {
            "num_filter_types": {"one": {"method": "add", "value": "1"}},
            "num_filter_rules": [{"key": "age", "type": "one", "suffix": "_k"}],
            "num_rules": [
                {"key": "age", "type": "num"},
                {"key": "age", "type": "log"},
                {"key": "age_k", "type": "num"},
            ],
        }
        values = [29, pytest.approx(3.367295829986474, rel=REL), 30]
        names = ["age@num", "age@log", "age_k@num"]
        assert readable(convert(section).update(*nums(age=29.0))) == list(zip(names, values, strict=True))
        hashed = convert({**section, "hash_max_size": 100}).update(*nums(age=29.0))
        assert hashed[0][0] == b"50"
        assert [v for _, v in hashed] == values

    def test_filters_see_what_earlier_ones_made(self, convert):
        section = {
            "num_filter_types": {"a": {"method": "add", "value": "1"}, "b": {"method": "add", "value": "3"}},
            "num_filter_rules": [
                {"key": "*", "type": "a", "suffix": "_a"},
                {"key": "*", "type": "b", "suffix": "_b"},
            ],
            "num_rules": [{"key": "temp_*", "type": "num"}],
        }
        assert readable(convert(section).convert(*nums(temp=10.0))) == [
            ("temp_a@num", 11),
            ("temp_b@num", 13),
            ("temp_a_b@num", 14),
        ]

    def test_combinations(self, convert):
        rules = [{"key_left": "*", "key_right": "*", "type": name} for name in ("add", "mul")]
        section = {"num_rules": [{"key": "*", "type": "num"}], "combination_rules": rules}
        assert readable(convert(section).convert(*nums(p=3.0, q=0.5))) == [
            ("p@num", 3),
            ("q@num", 0.5),
            ("p@num&q@num/add", 3.5),
            ("p@num&q@num/mul", 1.5),
        ]
        assert len(convert(section).convert(*nums(p=3.0))) == 1
        assert len(convert(section).convert(*nums(p=3.0, q=0.0))) == 1

    def test_combinations_match_whole_feature_keys(self, convert):
        def made(pattern):
            section = {
                "string_rules": [string_rule("str")],
                "combination_rules": [{"key_left": pattern, "key_right": pattern, "type": "mul"}],
            }
            return convert(section).convert(*strings(a="x", b="y"))[2:]

        assert made("*@str*") == []
        assert made("/.*@str#.*/") == [(b"a$x@str#bin/bin&b$y@str#bin/bin/mul", 1)]

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (20.0, "20"),
            (29.5, "29.5"),
            (0.1, "0.1"),
            (100000.0, "100000"),
            (999999.5, "1e+06"),
            (-0.0, "-0"),
            (1e6, "1e+06"),
            (1234567.0, "1.23457e+06"),
            (123456.7, "123457"),
            (3.0000001, "3"),
            (0.00001, "1e-05"),
            (math.inf, "inf"),
            (-math.inf, "-inf"),
            (math.nan, "nan"),
            (-math.nan, "-nan"),
        ],
    )
    def test_numbers_as_text(self, convert, number, text):
        converter = convert({"num_rules": [{"key": "*", "type": "str"}]})
        assert readable(converter.convert(*nums(x=number))) == [(f"x@str${text}", 1)]

    @pytest.mark.parametrize(
        ("number", "expected"),
        [(math.e, 1.0), (1.0, None), (0.5, None), (-3.0, None), (math.nan, None), (math.inf, math.inf)],
    )
    def test_logarithms(self, convert, number, expected):
        converter = convert({"num_rules": [{"key": "*", "type": "log"}]})
        found = [value for _, value in converter.convert(*nums(x=number))]
        assert found == ([] if expected is None else [pytest.approx(expected, rel=REL)])

    @pytest.mark.parametrize(
        ("length", "text", "expected"),
        [
            (2, "日本語".encode(), ["日本".encode(), "本語".encode()]),
            (4, "日本語".encode(), []),
            (1, b"aa", [b"a"]),
            (1, b"", []),
            (1, b"\x80\x81a\x82", [b"\x80\x81", b"a\x82"]),
            (2, b"a\xffb", [b"a\xff", b"\xffb"]),
        ],
    )
    def test_ngrams(self, convert, length, text, expected):
        types = {"gram": {"method": "ngram", "char_num": str(length)}}
        converter = convert({"string_types": types, "string_rules": [string_rule("gram", "tf")]})
        found = converter.convert([(b"k", text)], [], [])
        assert [key for key, _ in found] == [b"k$" + value + b"@gram#tf/bin" for value in expected]

    def test_splitting_stops_at_nul(self, convert):
        types = {"split": {"method": "split", "separators": "、,"}}
        converter = convert({"string_types": types, "string_rules": [string_rule("split", "tf")]})
        assert readable(converter.convert(*strings(k="日、月,,日\0,火"))) == [
            ("k$日@split#tf/bin", 2),
            ("k$月@split#tf/bin", 1),
        ]
        everything = {"split": {"method": "split", "separators": ""}}
        converter = convert({"string_types": everything, "string_rules": [string_rule("split")]})
        assert readable(converter.convert(*strings(k="a b", l=""))) == [("k$a b@split#bin/bin", 1)]

    @pytest.mark.parametrize(
        "text",
        [
            b"\x80",
            b"\xc1\x81",
            b"\xe3\x81",
            b"\xe3a\x82",
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xff",
            b"a\xf8\x88\x80\x80\x80",
        ],
    )
    def test_splitting_needs_utf8(self, text):
        types = {"split": {"method": "split", "separators": ","}}
        core = Core({"string_types": types, "string_rules": [string_rule("split")]})
        with pytest.raises(ValueError, match=r"^(Invalid UTF-8|Too short string)$"):
            core.convert([(b"k", text)], [], [])

    def test_dollar_in_keys(self, convert):
        section = {
            "string_rules": [string_rule("space", key="*s")],
            "num_rules": [{"key": "*n", "type": "num"}],
            "num_filter_types": {"f": {"method": "add", "value": "1"}},
            "num_filter_rules": [{"key": "f", "type": "f", "suffix": "$n"}],
        }
        converter = convert(section)
        assert converter.convert(*strings(**{"a$": "x", "a$s": " "})) == []
        assert converter.convert(*nums(**{"a$": 1.0})) == []
        for datum, key in (
            (strings(**{"a$s": "x"}), "a$s"),
            (nums(**{"a$n": 0.0}), "a$n"),
            (nums(f=1.0), "f$n"),
        ):
            with pytest.raises(Exception, match=r"^feature key cannot contain '\$': ") as caught:
                converter.update(*datum)
            assert str(caught.value).endswith(f": {key}")

    def test_an_error_leaves_the_statistics_alone(self, convert):
        converter = convert({"string_rules": [string_rule("space", "tf", "idf1")]})
        with pytest.raises(Exception, match="feature key cannot contain"):
            converter.update([(b"a", b"x"), (b"$", b"x")], [], [])
        assert readable(converter.convert(*strings(a="x"))) == [("a$x@space#tf/idf1", 1)]

    def test_user_weights_are_never_given(self, convert):
        converter = convert({"string_rules": [string_rule("space", "tf", "weight")]})
        assert converter.update(*strings(a="x y")) == []

    def test_each_pair_counts_by_itself(self, convert):
        converter = convert({"string_rules": [string_rule("space", "log_tf")]})
        found = converter.convert([(b"a", b"x x"), (b"a", b"x")], [], [])
        assert readable(found) == [
            ("a$x@space#log_tf/bin", pytest.approx(math.log(3), rel=REL)),
            ("a$x@space#log_tf/bin", pytest.approx(math.log(2), rel=REL)),
        ]


class TestHashing:
    @pytest.mark.parametrize(
        ("key", "expected"),
        [
            ("", 14695981039346656037),
            ("a", 12638153115695167422),
            ("f1", 590642286378561386),
            ("f2", 590642286378561385),
            ("age@num", 11663234063812531550),
            ("名前$太郎@str#bin/bin", 14309146442128340224),
        ],
    )
    def test_the_oracle_s_hash(self, key, expected):
        assert fnv(key.encode(), xor_first=False) == expected

    def test_values_that_occur_once(self):
        section = {"string_rules": [string_rule("str", key="名前")], "hash_max_size": 100}
        assert Core(section).convert(*strings(名前="太郎")) == [(b"24", 1)]

    @pytest.mark.parametrize(
        ("count", "order"),
        [(4, "A D C B"), (11, "J A I D C K F E H G B"), (12, "G E J H L B F D K I C A")],
    )
    def test_the_reference_s_hash_map(self, count, order):
        values = [bytes([65 + i]) for i in range(count)]
        assert hash_map_order(values) == order.encode().split()
        section = {
            "string_rules": [string_rule("space")],
            "combination_rules": [{"key_left": "?", "key_right": "?", "type": "add"}],
        }
        found = Core(section).convert([(b"k", b" ".join(values))], [], [])
        assert [key[2:3] for key, _ in found] == order.encode().split()


# --- any converter and any datums ---

PLUGIN = {"method": "dynamic", "path": "libpython_bridge.so", "module": "converter_plugins"}
STRING_TYPES = {
    "unigram": {"method": "ngram", "char_num": "1"},
    "bigram": {"method": "ngram", "char_num": "2"},
    "comma": {"method": "split", "separators": ", 、"},
    "letters": {"method": "regexp", "pattern": "[a-c]+"},
    "inner": {"method": "regexp", "pattern": "a(b|日)?", "group": "1"},
    "ends": {"method": "regexp", "pattern": "([ab])[, ]", "group": "1"},
    "scored": {**PLUGIN, "function": "string_feature", "class": "Scored"},
}
NUM_TYPES = {"stepper": {**PLUGIN, "function": "num_feature", "class": "Stepper", "step": "0.5"}}
BINARY_TYPES = {"bytes": {**PLUGIN, "function": "binary_feature", "class": "Bytes"}}
STRING_FILTERS = {
    "no_a": {"method": "regexp", "pattern": "a+", "replace": ""},
    "twice": {"method": "regexp", "pattern": "([bc])(日)?", "replace": r"\1\1\\"},
    "optional": {"method": "regexp", "pattern": "b(c)?", "replace": r"<\1>"},
}
NUM_FILTERS = {
    "more": {"method": "add", "value": "1.5"},
    "scale": {"method": "linear_normalization", "min": "-1", "max": "3"},
    "free": {"method": "linear_normalization", "min": "-1", "max": "3", "truncate": "no"},
    "normal": {"method": "gaussian_normalization", "average": "1", "standard_deviation": "0.5"},
    "flat": {"method": "gaussian_normalization", "average": "1", "standard_deviation": "0"},
    "bend": {"method": "sigmoid_normalization", "gain": "0.5"},
}

KEYS = ["a", "b", "ab", "名前", "x/idf", "$", "a$"]
key_patterns = st.sampled_from(
    ["*"] * 8 + ["", "a", "a*", "*b", "*前", "/[ab]/", "/b$/", "*_f", "名*", "none"]
)
exceptions = st.one_of(*[st.just({})] * 5, key_patterns.map(lambda p: {"except": p}))
texts = st.one_of(
    st.text(alphabet="aabbc ,日本、é\n\0", max_size=8),
    st.lists(st.sampled_from(["a", "b", "ab", "ab-", "日本", "c", "a,b"]), max_size=14).map(" ".join),
    st.lists(st.integers(0, 60).map(str), max_size=40).map(" ".join),
).map(str.encode)
any_bytes = st.one_of(texts, texts, texts, st.binary(max_size=4))
numbers = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, -1.0, 0.5, 1e6, 1234567.0, math.inf, -math.inf, math.nan]),
    st.floats(-1e6, 1e6),
)


def rules(types, least=0, **others):
    rule = st.fixed_dictionaries({"key": key_patterns, "type": st.sampled_from(types), **others})
    return st.lists(
        st.tuples(rule, exceptions).map(lambda parts: parts[0] | parts[1]), min_size=least, max_size=3
    )


feature_patterns = st.sampled_from(["*"] * 6 + ["*@num", "a*", "/.*@space#.*/", "*idf", "", "/[^@]*@num/"])
combination_rules = st.fixed_dictionaries(
    {"key_left": feature_patterns, "key_right": feature_patterns, "type": st.sampled_from(["add", "mul"])},
    optional={"except_left": st.just("*@num"), "except_right": feature_patterns},
)
sections = st.fixed_dictionaries(
    {
        "string_types": st.just(STRING_TYPES),
        "num_types": st.just(NUM_TYPES),
        "binary_types": st.just(BINARY_TYPES),
        "string_filter_types": st.just(STRING_FILTERS),
        "num_filter_types": st.just(NUM_FILTERS),
        "string_filter_rules": rules([*STRING_FILTERS], suffix=st.sampled_from(["_f", "", "b"])),
        "num_filter_rules": rules([*NUM_FILTERS], suffix=st.sampled_from(["_f", "", "b"])),
        "string_rules": rules(
            [*STRING_TYPES, "str", "space", "space"],
            least=1,
            sample_weight=st.sampled_from(["bin", "tf", "log_tf"]),
            global_weight=st.sampled_from(["bin", "idf", "idf1", "bm25", "bm25", "weight"]),
        ),
        "num_rules": rules(["num", "log", "str", "stepper"], least=1),
        "binary_rules": rules(["bytes"]),
        "combination_rules": st.lists(combination_rules, max_size=2),
    },
    optional={
        "hash_max_size": st.sampled_from([1, 7, 1000, 2**40]),
    },
)
keys = st.sampled_from(KEYS[:4] * 5 + KEYS).map(str.encode)
datums = st.tuples(
    st.lists(st.tuples(keys, any_bytes), max_size=4),
    st.lists(st.tuples(keys, numbers), max_size=4),
    st.lists(st.tuples(keys, st.binary(max_size=3)), max_size=2),
)
calls = st.lists(st.tuples(st.sampled_from(["update", "convert"]), datums), min_size=1, max_size=5)


def outcome(converter, call, datum):
    """What a call gives: features, or the text of an error."""
    try:
        return getattr(converter, call)(*map(list, datum))
    except InvalidText:
        return "invalid text"
    except (OracleError, DumaError, ValueError) as error:
        return "invalid text" if str(error) in ("Invalid UTF-8", "Too short string") else str(error)


@settings(deadline=None)
@given(sections, calls)
def test_against_the_oracle(section, calls):
    core, oracle = Core(section), Oracle(section)
    for call, datum in calls:
        expected, found = outcome(oracle, call, datum), outcome(core, call, datum)
        if isinstance(expected, str) or isinstance(found, str):
            assert found == expected
            continue
        assert [key for key, _ in found] == [key for key, _ in expected]
        assert [value for _, value in found] == pytest.approx(
            [value for _, value in expected], rel=REL, abs=0, nan_ok=True
        )
