"""What of a model's features another converter would still give.

A saved feature is a name. It is kept when some rule of the new converter can give that name (see
`feature_names`). The names of hashed features are numbers that do not tell which rule gave them: they are
kept only where the hash is the same and no rule went away.
"""

import json
from collections.abc import Mapping
from typing import Any

from duma.models.feature_names import FeatureNames

_TYPES_OF_RULES = {
    "string_filter_rules": "string_filter_types",
    "num_filter_rules": "num_filter_types",
    "string_rules": "string_types",
    "num_rules": "num_types",
    "binary_rules": "binary_types",
    "combination_rules": "combination_types",
}


class ConverterChange:
    """From one converter section to another, both checked with `CONVERTER` and built once."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old, self._new = old, new
        self._old_names, self._new_names = FeatureNames(old), FeatureNames(new)
        self._old_hash, self._new_hash = old.get("hash_max_size", 0), new.get("hash_max_size", 0)
        old_rules, new_rules = _rules(old), _rules(new)
        self._rules_went_away = not old_rules <= new_rules
        self._same_hash = self._old_hash == self._new_hash
        self.changed = old_rules != new_rules or not self._same_hash

    def keeps_feature(self, feature: bytes) -> bool:
        """Whether a feature of the model can still occur."""
        if not self._same_hash:
            return False
        return not self._rules_went_away or (not self._new_hash and self.keeps_name(feature))

    def keeps_name(self, feature: bytes) -> bool:
        """The same of a name before hashing, as in the counts of documents."""
        if not self._rules_went_away or self._keeps_single(feature):
            return True
        return any(
            self._keeps_single(left) and self._keeps_single(right)
            for left, right in self._new_names.pairs_of(feature)
        )

    def cautions(self) -> list[str]:
        """Where names stay, but what they stand for may not."""
        found = []
        for rules, types in _TYPES_OF_RULES.items():
            for name in sorted(_types_used(self._old, rules) & _types_used(self._new, rules)):
                if self._old.get(types, {}).get(name) != self._new.get(types, {}).get(name):
                    found.append(
                        f"the type {name!r} in {types} is defined differently: what keeps its name may now "
                        "stand for something else"
                    )
        return found

    def reason(self) -> str:
        """Why features are lost, in one sentence."""
        if not self._same_hash:
            return f"hash_max_size changes from {self._old_hash or 'none'} to {self._new_hash or 'none'}"
        if self._new_hash:
            return "hashed features of the rules that went away cannot be told from the others"
        return "no rule of the new converter gives their names"

    def _keeps_single(self, feature: bytes) -> bool:
        """Whether a name that no combination made is still given."""
        if any(self._keeps_key(kind, key) for kind, key in self._new_names.keys_of(feature)):
            return True
        # A plugin names its features as it likes: what no rule of the old converter explains came from one.
        return self._new_names.has_plugins and not any(self._old_names.keys_of(feature))

    def _keeps_key(self, kind: str, key: bytes) -> bool:
        """A key that an old filter made is there only if a new filter makes it, too."""
        if not any(self._old_names.unfiltered(kind, key)):
            return True
        return any(self._keeps_key(kind, base) for base in self._new_names.unfiltered(kind, key))


def suffix_of(feature: bytes) -> bytes:
    """The end of a name, which says by which rule it was made: `@space#tf/idf`, `@num`, `@str$...`."""
    at = feature.rfind(b"@")
    if at < 0:
        return b""
    text, dollar, _ = feature[at:].partition(b"$")
    return text + b"$..." if dollar else text


def _rules(section: Mapping[str, Any]) -> frozenset[str]:
    """Every rule together with the definition of its type, as text."""
    return frozenset(
        json.dumps([rules, rule, section.get(types, {}).get(rule["type"])], sort_keys=True)
        for rules, types in _TYPES_OF_RULES.items()
        for rule in section.get(rules, [])
    )


def _types_used(section: Mapping[str, Any], rules: str) -> set[str]:
    return {rule["type"] for rule in section.get(rules, [])}
