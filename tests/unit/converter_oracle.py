"""The whole of conversion once more, in plain Python: slow, without the core, written from the specification.

    oracle = Oracle(section)
    oracle.update([strings], [nums], [binaries])  # -> [(key, value), ...], keys and texts are bytes

Regular expressions are those of Python's `re`, tried at characters only: tests use patterns for which that
is the same.
"""

import importlib
import math
import re

K1, B = 1.2, 0.75
SIZES = [11, 23, 47, 97, 199, 409, 823, 1741]


class OracleError(Exception):
    """What conversion refuses; the text is the answer to the call."""


class InvalidText(OracleError):
    """Text that the `split` method cannot decode."""


# --- arithmetic as in C ---


def divide(a, b):
    if b != 0 or math.isnan(a):
        return a / (b or 1)
    # x86 sets the sign of the NaN that 0/0 gives.
    return -math.nan if a == 0 else math.copysign(math.inf, a) * math.copysign(1, b)


def log(x):
    if math.isnan(x) or x < 0:
        return math.nan
    return -math.inf if x == 0 else math.log(x)


def exp(x):
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def percent_g(x):
    if math.isnan(x):
        return "-nan" if math.copysign(1, x) < 0 else "nan"
    return f"{x:g}"


# --- keys ---


def matcher(pattern):
    if pattern in ("", "*"):
        return lambda _: True
    if pattern[0] == "*":
        return lambda key: key.endswith(pattern[1:].encode())
    if pattern[-1] == "*":
        return lambda key: key.startswith(pattern[:-1].encode())
    if len(pattern) >= 2 and pattern[0] == pattern[-1] == "/":
        return lambda key: re.match(pattern[1:-1], key.decode("utf-8", "surrogateescape")) is not None
    return lambda key: key == pattern.encode()


def condition(rule, key="key", except_="except"):
    wanted = matcher(rule[key])
    if except_ not in rule:
        return wanted
    unwanted = matcher(rule[except_])
    return lambda name: wanted(name) and not unwanted(name)


def group_key(key):
    if b"$" not in key or b"@" not in key:
        return b""
    return key[: key.index(b"$")] + key[key.rindex(b"@") :]


def fnv(key, *, xor_first):
    h = 14695981039346656037
    for byte in key:
        signed = byte if byte < 128 else byte - 256 + 2**64
        h = (h ^ signed) * 1099511628211 if xor_first else (h * 1099511628211 % 2**64) ^ signed
        h %= 2**64
    return h


def hash_map_order(values):
    """Distinct values in the order in which the reference's hash map gives them ("variant T")."""
    buckets = [[] for _ in range(SIZES[0])]
    for count, value in enumerate(dict.fromkeys(values), 1):
        if count > len(buckets):
            moved = [old for bucket in buckets for old in bucket]
            buckets = [[] for _ in range(next(size for size in SIZES if size >= count))]
            for old in moved:
                buckets[fnv(old, xor_first=True) % len(buckets)].insert(0, old)
        buckets[fnv(value, xor_first=True) % len(buckets)].insert(0, value)
    return [value for bucket in buckets for value in bucket]


# --- string extractors: text -> [(value, score), ...] ---


def spaces(text):
    return [(word, 1) for word in re.split(rb"[ \t\f\n\r\v]+", text) if word]


def ngram(length):
    def extract(text):
        starts = [i for i, byte in enumerate(text) if i == 0 or byte & 0xC0 != 0x80]
        ends = [*starts, len(text)]
        return [(text[ends[i] : ends[i + length]], 1) for i in range(len(starts) - length + 1)]

    return extract


def split(separators):
    def extract(text):
        try:
            characters = text.partition(b"\0")[0].decode()
        except UnicodeDecodeError as error:
            raise InvalidText from error
        words = [""]
        for c in characters:
            if c in separators:
                words.append("")
            else:
                words[-1] += c
        return [(word.encode(), 1) for word in words if word]

    return extract


def regexp_split(pattern, group):
    compiled = re.compile(pattern)

    def extract(text):
        characters = text.decode("utf-8", "surrogateescape")
        elements, at = [], 0
        while at < len(characters):
            match = compiled.match(characters, at)
            if match is None:
                at += 1
                continue
            if match.start(group) < 0:
                raise OracleError(substr_error(text))
            elements.append((match[group].encode("utf-8", "surrogateescape"), 1))
            at += max(1, len(match[group]))
        return elements

    return extract


def substr_error(text):
    return f"basic_string::substr: __pos (which is {2**64 - 1}) > this->size() (which is {len(text)})"


def string_extractor(definition):
    method = definition["method"]
    if method == "ngram":
        return ngram(int(definition["char_num"]))
    if method == "split":
        return split(definition["separators"])
    if method == "regexp":
        return regexp_split(definition["pattern"], int(definition.get("group", "0")))
    plugin = instance(definition)

    def extract(text):
        try:
            decoded = text.decode()
        except UnicodeDecodeError as error:
            shown = text.decode("utf-8", "backslashreplace")
            raise OracleError(f"cannot convert input text to Python object: {shown}") from error
        return [(value.encode(), score) for _, _, value, score in plugin.extract(decoded)]

    return extract


def instance(definition):
    module = importlib.import_module(definition["module"])
    return getattr(module, definition["class"]).create(definition)


def plugin_extractor(definition):
    plugin = instance(definition)

    def extract(key, value):
        try:
            decoded = key.decode()
        except UnicodeDecodeError as error:
            shown = key.decode("utf-8", "backslashreplace")
            raise OracleError(f"cannot convert input key to Python object: {shown}") from error
        return [(name.encode(), float(made)) for name, made in plugin.extract(decoded, value)]

    return extract


# --- number extractors and filters ---

NUMBERS = {
    "num": lambda key, x: [(key, x)],
    "log": lambda key, x: [(key, math.log(x) if x > 1 else 0.0)],
    "str": lambda key, x: [(key + b"$" + percent_g(x).encode(), 1.0)],
}


def num_filter(definition):
    method = definition["method"]
    if method == "add":
        return lambda x: x + float(definition["value"])
    if method == "gaussian_normalization":
        average, deviation = float(definition["average"]), float(definition["standard_deviation"])
        return lambda x: divide(x - average, deviation)
    if method == "sigmoid_normalization":
        gain, bias = float(definition.get("gain", "1")), float(definition.get("bias", "0"))
        return lambda x: 1 / (1 + exp(-gain * (x - bias)))
    low, high = float(definition["min"]), float(definition["max"])

    def linear(x):
        if definition.get("truncate", "True") == "True":
            if x > high:
                return 1.0
            if x < low:
                return 0.0
        return (x - low) / (high - low)

    return linear


def string_filter(definition):
    compiled = re.compile(definition["pattern"])
    template = re.findall(r"\\(.)|([^\\]+)", definition["replace"])

    def replaced(text):
        characters = text.decode("utf-8", "surrogateescape")
        output, at = "", 0
        while at <= len(characters):
            match = compiled.match(characters, at)
            if match is not None:
                for escaped, literal in template:
                    if escaped.isdigit() and match.start(int(escaped)) < 0:
                        raise OracleError(substr_error(text))
                    output += match[int(escaped)] if escaped.isdigit() else escaped + literal
                at = match.end()
            if match is None or match.end() == match.start():
                output += characters[at : at + 1]
                at += 1
        return output.encode("utf-8", "surrogateescape")

    return replaced


SAMPLE_WEIGHTS = {"bin": lambda _: 1.0, "tf": float, "log_tf": lambda tf: log(1 + tf)}


class Oracle:
    """A converter with its statistics."""

    def __init__(self, section):
        self.section = section
        self.documents = 0
        self.frequencies, self.group_documents, self.group_lengths = {}, {}, {}
        weights = {rule["global_weight"] for rule in self.rules("string_rules")}
        self.counts = bool(weights & {"idf", "idf1", "bm25"})
        self.counts_groups = "bm25" in weights

    def rules(self, name):
        return self.section.get(name) or []

    def types(self, name):
        return self.section.get(name) or {}

    def update(self, strings, nums, binaries):
        """The features of a training conversion."""
        features = self.extract(strings, nums, binaries)
        if self.counts:
            self.count(features)
        return self.finish(features)

    def convert(self, strings, nums, binaries):
        """The features of an analysis."""
        return self.finish(self.extract(strings, nums, binaries))

    def finish(self, features):
        features = [(key, value) for key, value in self.weighted(features) if value != 0]
        features += self.combinations(features)
        modulus = self.section.get("hash_max_size")
        if modulus:
            features = [(b"%d" % (fnv(key, xor_first=False) % modulus), value) for key, value in features]
        return features

    def filtered(self, pairs, rules, types, build):
        made = []
        for rule in self.rules(rules):
            applies, change = condition(rule), build(self.types(types)[rule["type"]])
            made += [
                (key + rule["suffix"].encode(), change(value)) for key, value in pairs + made if applies(key)
            ]
        return made

    def extract(self, strings, nums, binaries):
        more_strings = self.filtered(strings, "string_filter_rules", "string_filter_types", string_filter)
        more_nums = self.filtered(nums, "num_filter_rules", "num_filter_types", num_filter)
        features = []
        for pairs in (strings, more_strings):
            for rule in self.rules("string_rules"):
                applies = condition(rule)
                for key, text in pairs:
                    if applies(key):
                        features += self.string_features(rule, key, text)
        for pairs in (nums, more_nums):
            for key, value in pairs:
                for rule in self.rules("num_rules"):
                    if condition(rule)(key):
                        features += self.num_features(rule, key, value)
        for rule in self.rules("binary_rules"):
            for key, value in binaries:
                if matcher(rule["key"])(key):
                    check_key(key)
                    extract = plugin_extractor(self.types("binary_types")[rule["type"]])
                    features += extract(key + b"@" + rule["type"].encode(), value)
        return features

    def string_features(self, rule, key, text):
        name, types = rule["type"], self.types("string_types")
        if name in types:
            elements = string_extractor(types[name])(text)
        else:
            elements = {"str": lambda whole: [(whole, 1)], "space": spaces}[name](text)
        tf = {}
        for value, score in elements:
            tf[value] = tf.get(value, 0) + score
        tail = f"@{name}#{rule['sample_weight']}/{rule['global_weight']}".encode()
        features = []
        for value in hash_map_order(tf) if self.rules("combination_rules") else tf:
            weight = SAMPLE_WEIGHTS[rule["sample_weight"]](tf[value])
            if weight != 0:
                check_key(key)
                features.append((key + b"$" + value + tail, weight))
        return features

    def num_features(self, rule, key, value):
        check_key(key)
        name, types = rule["type"], self.types("num_types")
        extract = plugin_extractor(types[name]) if name in types else NUMBERS[name]
        return extract(key + b"@" + name.encode(), value)

    def count(self, features):
        self.documents += 1
        groups = set()
        for key, value in features:
            self.frequencies[key] = self.frequencies.get(key, 0) + 1
            group = group_key(key)
            if self.counts_groups and group:
                self.group_lengths[group] = self.group_lengths.get(group, 0.0) + value
                groups.add(group)
        for group in groups:
            self.group_documents[group] = self.group_documents.get(group, 0) + 1

    def weighted(self, features):
        lengths = {}
        for key, value in features:
            lengths[group_key(key)] = lengths.get(group_key(key), 0.0) + value
        lengths[b""] = 0.0
        return [(key, self.global_weight(key, value, lengths)) for key, value in features]

    def global_weight(self, key, s, lengths):
        name = key.rpartition(b"/")[2] if b"/" in key else b""
        n, d = self.documents, self.frequencies.get(key, 0)
        if name == b"idf":
            return log(divide(n + 1, d + 1)) * s
        if name == b"idf1":
            return (log(divide(n + 1, d + 1)) + 1) * s
        if name == b"weight":
            return 0 * s
        if name == b"bm25":
            group = group_key(key)
            average = divide(self.group_lengths.get(group, 0.0), self.group_documents.get(group, math.inf))
            share = divide(lengths[group], average)
            return log(divide(n - d + 0.5, d + 0.5)) * divide(s * (K1 + 1), s + K1 * (1 - B + B * share))
        return s

    def combinations(self, features):
        made = []
        if len(features) < 2:
            return made
        for rule in self.rules("combination_rules"):
            left = condition(rule, "key_left", "except_left")
            right = condition(rule, "key_right", "except_right")
            for j, (a, x) in enumerate(features):
                for b, y in features[j + 1 :]:
                    if (left(a) and right(b)) or (right(a) and left(b)):
                        value = x + y if rule["type"] == "add" else x * y
                        made.append((a + b"&" + b + b"/" + rule["type"].encode(), value))
        return made


def check_key(key):
    if b"$" in key:
        raise OracleError("feature key cannot contain '$': " + key.decode("utf-8", "surrogateescape"))
