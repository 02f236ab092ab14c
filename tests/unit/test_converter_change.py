"""Which features of a model another converter would still give."""

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_making import contents
from random_classifiers import converters, datums

import duma
from duma.configuration import check
from duma.convert.schema import CONVERTER
from duma.models.converter_change import ConverterChange
from duma.models.feature_names import FeatureNames


def string_rule(
    key: str = "*", type_: str = "space", sample: str = "bin", weight: str = "bin"
) -> dict[str, str]:
    return {"key": key, "type": type_, "sample_weight": sample, "global_weight": weight}


def num_rule(key: str = "*", type_: str = "num", **more: str) -> dict[str, str]:
    return {"key": key, "type": type_, **more}


BASE: dict[str, Any] = {"string_rules": [string_rule()], "num_rules": [num_rule()]}
NAMES = ["title$sea@space#bin/bin", "name$x$y@space#bin/bin", "age@num", "title@num"]


def kept(old: dict[str, Any], new: dict[str, Any], names: list[str]) -> list[str]:
    change = ConverterChange(check(CONVERTER, old), check(CONVERTER, new))
    return [name for name in names if change.keeps_feature(name.encode())]


@pytest.mark.parametrize(
    ("new", "lost"),
    [
        (BASE, []),
        ({**BASE, "num_rules": [num_rule(), num_rule(type_="log")]}, []),
        ({**BASE, "string_types": {"unused": {"method": "ngram", "char_num": "2"}}}, []),
        ({**BASE, "num_rules": []}, NAMES[2:]),
        ({**BASE, "num_rules": [num_rule("age")]}, NAMES[3:]),
        ({**BASE, "num_rules": [num_rule("*", **{"except": "a*"})]}, NAMES[2:3]),
        ({**BASE, "num_rules": [num_rule(type_="log")]}, NAMES[2:]),
        ({**BASE, "string_rules": [string_rule(sample="tf")]}, NAMES[:2]),
        ({**BASE, "string_rules": [string_rule(weight="idf")]}, NAMES[:2]),
        ({**BASE, "string_rules": [string_rule(type_="str")]}, NAMES[:2]),
        ({**BASE, "string_rules": [string_rule("/t.t/")]}, NAMES[1:2]),
        ({**BASE, "string_rules": [string_rule("n*"), string_rule("title")]}, []),
        ({**BASE, "hash_max_size": 100}, NAMES),
        ({**BASE, "string_types": {"space": {"method": "ngram", "char_num": "3"}}}, []),
        ({**BASE, "string_types": {"space": {"method": "ngram", "char_num": "2"}}}, NAMES[:2]),
        ({**BASE, "string_types": {"space": {"method": "split", "separators": "e$"}}}, NAMES[:2]),
        ({**BASE, "string_types": {"space": {"method": "split", "separators": "e"}}}, NAMES[:1]),
        ({**BASE, "string_types": {"space": {"method": "regexp", "pattern": "."}}}, []),
    ],
)
def test_a_name_is_kept_when_a_new_rule_gives_it(new: dict[str, Any], lost: list[str]) -> None:
    assert kept(BASE, new, NAMES) == [name for name in NAMES if name not in lost]


def test_numbers_as_text() -> None:
    old = {"num_rules": [num_rule(type_="str"), num_rule()]}
    names = ["id@str$1e+06", "id@str$-nan", "id@str$word", "id@num"]
    assert kept(old, {"num_rules": [num_rule(type_="str")]}, names) == names[:2]
    assert kept(old, {"num_rules": [num_rule()]}, names) == names[3:]


def combination(left: str, right: str, type_: str) -> dict[str, str]:
    return {"key_left": left, "key_right": right, "type": type_}


def test_combinations_need_both_features_and_the_rule() -> None:
    old = {**BASE, "combination_rules": [combination("*", "*", "mul"), combination("*", "*", "add")]}
    names = ["age@num&size@num/mul", "age@num&size@num/add", "t$a&b@space#bin/bin&age@num/mul"]
    only = {**BASE, "combination_rules": [combination("*", "*", "mul")]}
    assert kept(old, only, names) == [names[0], names[2]]
    assert kept(old, {**only, "num_rules": [num_rule("age")]}, names) == names[2:]
    assert kept(old, {**BASE, "combination_rules": [combination("size*", "age*", "mul")]}, names) == names[:1]
    assert kept(old, BASE, names) == []


FILTERS = {"num_filter_types": {"plus": {"method": "add", "value": "1"}}}


def test_keys_that_only_a_filter_made_need_a_filter() -> None:
    def with_filters(*rules: tuple[str, str]) -> dict[str, Any]:
        made = [{"key": key, "type": "plus", "suffix": suffix} for key, suffix in rules]
        return {**BASE, **FILTERS, "num_filter_rules": made}

    old = with_filters(("*", "_a"), ("*", "_b"))
    names = ["t@num", "t_a@num", "t_b@num", "t_a_b@num", "t_a$x@space#bin/bin"]
    assert kept(old, with_filters(("*", "_a")), names) == ["t@num", "t_a@num", "t_a$x@space#bin/bin"]
    assert kept(old, with_filters(("*", "_b")), names) == ["t@num", "t_b@num", "t_a$x@space#bin/bin"]
    assert kept(old, with_filters(("x", "_a"), ("*", "_b")), names) == names[:1] + names[2:3] + names[4:]
    assert kept(old, BASE, names) == [names[0], names[4]]


def test_plugins_name_as_they_like() -> None:
    """What an old rule explains is judged by the rules; the rest may be a plugin's."""
    plugin = {"method": "dynamic", "path": "libpython_bridge.so", "function": "binary_feature"}
    old = {**BASE, "binary_types": {"image": plugin}, "binary_rules": [num_rule(type_="image")]}
    names = ["photo@image#RGB/1-1-0", "age@num"]
    assert kept(old, old, names) == names
    assert kept(old, {**old, "num_rules": []}, names) == names[:1]
    assert kept(old, BASE, names) == names[1:]


def test_hashed_names_are_kept_only_when_rules_are_added() -> None:
    old = {**BASE, "hash_max_size": 100}
    assert kept(old, old, ["17"]) == ["17"]
    assert kept(old, {**old, "num_rules": [num_rule(), num_rule(type_="log")]}, ["17"]) == ["17"]
    assert kept(old, {**old, "num_rules": []}, ["17"]) == []
    assert kept(old, {**BASE, "hash_max_size": 50}, ["17"]) == []
    assert kept(old, BASE, ["17"]) == []


def test_counts_of_documents_have_names_from_before_hashing() -> None:
    change = ConverterChange(BASE, {**BASE, "hash_max_size": 10})
    assert change.keeps_name(b"age@num")
    assert not change.keeps_feature(b"age@num")


def test_types_that_mean_something_else_under_their_old_name() -> None:
    old = {**BASE, **FILTERS, "num_filter_rules": [{"key": "*", "type": "plus", "suffix": "_a"}]}
    new = {**old, "num_filter_types": {"plus": {"method": "add", "value": "2"}}}
    (caution,) = ConverterChange(old, new).cautions()
    assert caution.startswith("the type 'plus' in num_filter_types is defined differently")
    assert ConverterChange(old, old).cautions() == []


# --- against what converters really give ---


def features(section: dict[str, Any], records: list[duma.Datum], folder: Any) -> set[bytes]:
    """The names of a model that has learned these, as far as they can be converted."""
    model = duma.Classifier({"method": "PA", "converter": section})
    for record in records:
        for label in ("x", "y"):
            with contextlib.suppress(Exception):  # what cannot be converted has no features
                model.train([(label, record)])
    model.save(folder / "m")
    return set(contents(folder / "m").rows)


def without_ambiguity(section: dict[str, Any]) -> dict[str, Any]:
    """Suffixes of filters that no key of the records ends with."""
    section = {**section}
    section.pop("hash_max_size", None)
    for rules in ("string_filter_rules", "num_filter_rules"):
        section[rules] = [{**rule, "suffix": rule["suffix"].replace("b", "-g")} for rule in section[rules]]
    return section


RECORDS = st.lists(datums(), max_size=4)
QUIETLY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@QUIETLY
@given(section=converters().map(without_ambiguity), records=RECORDS)
def test_every_feature_is_explained_by_the_rules_that_made_it(
    section: Any, records: Any, tmp_path: Any
) -> None:
    names = FeatureNames(section)
    for feature in features(section, records, tmp_path):
        assert any(names.keys_of(feature)) or any(names.pairs_of(feature)), feature


@QUIETLY
@given(old=converters().map(without_ambiguity), new=converters().map(without_ambiguity), records=RECORDS)
def test_what_both_converters_give_is_kept(old: Any, new: Any, records: Any, tmp_path: Any) -> None:
    change = ConverterChange(old, new)
    for feature in features(old, records, tmp_path) & features(new, records, tmp_path):
        assert change.keeps_feature(feature), feature
