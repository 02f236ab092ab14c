"""The engines, each with a configuration and calls, for the battery that holds every one to the same promises.

A new engine joins with one `Subject`; a test fails until it has.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgpack
from server_process import CallError

from duma.engines.engine import Engine
from duma.engines.registry import engine_class
from duma.errors import DumaError

Call = tuple[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Subject:
    """An engine under test.

    Each of `updates` changes the model; the answers of `analyses` show what it has learned; a model of
    `other_config` is another one, and is refused. A `variant` is a further configuration of an engine that is there
    without one: its tests are slow.
    """

    type: str
    config: Any
    other_config: Any
    updates: tuple[Call, ...]
    analyses: tuple[Call, ...]
    timeless: Callable[[Any], Any] = lambda user_data: user_data  # without the times of its updates
    variant: str = ""

    @property
    def name(self) -> str:
        """What tests call it."""
        return f"{self.type}-{self.variant}" if self.variant else self.type

    def engine(self) -> Engine:
        """A new engine."""
        return engine_class(self.type)(self.config)

    def answers(self, ask: Any) -> Any:
        """What `ask(method, *arguments)` says to all analyses; an error is an answer, too."""
        return [_answer(ask, method, arguments) for method, arguments in self.analyses]


def _answer(ask: Any, method: str, arguments: tuple[Any, ...]) -> Any:
    try:
        return ask(method, *arguments)
    except (CallError, DumaError) as error:
        return str(error)


class Embedded:
    """An engine that is called like a server."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def call(self, method: str, *arguments: Any) -> Any:
        packed = [msgpack.packb(argument, use_bin_type=False) for argument in arguments]
        answer = self.engine.methods[method].call_packed(self.engine, packed)
        return msgpack.unpackb(answer, strict_map_key=False)

    def tree(self) -> Any:
        """All that it has learned; maps in whatever order compare equal. Arrays are tuples: they can be keys."""
        data = b"".join(self.engine.snapshot().chunks())
        return msgpack.unpackb(data, raw=True, strict_map_key=False, use_list=False)


def _datum(text: str, **numbers: float) -> Any:
    return [[["text", text]], [[name, value] for name, value in numbers.items()], []]


def _bandit_calls() -> Iterator[Call]:
    for arm in "abc":
        yield "register_arm", (arm,)
    yield "register_reward", ("p", "b", 0.5)
    for n in range(8):
        yield "select_arm", ("pq"[n % 2],)
        yield "register_reward", ("pq"[n % 2], "abc"[n % 3], (n + 1) / 4)
    yield "delete_arm", ("b",)
    yield "reset", ("q",)
    yield "register_arm", ("b",)
    yield "select_arm", ("r",)


def _burst_config(threshold: float) -> Any:
    return {
        "method": "burst",
        "parameter": {
            "window_batch_size": 4,
            "batch_interval": 10.0,
            "result_window_rotate_size": 3,
            "max_reuse_batch_num": 2,
            "costcut_threshold": threshold,
        },
    }


def _burst_calls() -> Iterator[Call]:
    yield "add_keyword", (["sea", 2.0, 0.5],)
    for batch, words in enumerate(["sea", "", "sea sea", "the sea", "rain", "sea"]):
        texts = [words if n % 3 else "rain" for n in range(7)]
        yield "add_documents", ([[10.0 * batch + n, text] for n, text in enumerate(texts)],)
        if batch == 1:
            yield "add_keyword", (["rain", 1.25, 0.1],)
    yield "remove_keyword", ("sea",)
    yield "add_keyword", (["sea", 1.5, 0.5],)


_EVERYTHING: Any = [[], []]  # a query that all edges and nodes match

SUBJECTS = [
    Subject(
        type="bandit",
        config={  # without a seed: the clock's is recorded
            "method": "softmax",
            "parameter": {"tau": 0.5, "assume_unrewarded": True},
        },
        other_config={"method": "softmax", "parameter": {"tau": 0.25, "assume_unrewarded": True}},
        updates=tuple(_bandit_calls()),
        analyses=tuple(("get_arm_info", (player,)) for player in "pqr"),
    ),
    Subject(
        type="burst",
        config=_burst_config(threshold=-1),
        other_config=_burst_config(threshold=2),
        updates=tuple(_burst_calls()),
        analyses=(
            ("get_all_keywords", ()),
            ("get_result", ("sea",)),
            ("get_result", ("rain",)),
            ("get_result_at", ("sea", 15.0)),
            ("get_all_bursted_results", ()),
            ("get_all_bursted_results_at", (25.0,)),
        ),
    ),
    Subject(
        type="classifier",
        config={
            "method": "AROW",
            "parameter": {
                "regularization_weight": 1.0,
                "unlearner": "random",
                "unlearner_parameter": {"max_size": 3},
            },
            "converter": {
                "string_types": {"word": {"method": "regexp", "pattern": "[a-z]+"}},
                "string_rules": [
                    {"key": "*", "type": "word", "sample_weight": "tf", "global_weight": "idf"},
                    {"key": "*", "type": "space", "sample_weight": "bin", "global_weight": "bm25"},
                ],
                "num_rules": [{"key": "*", "type": "num"}],
            },
        },
        other_config={
            "method": "AROW",
            "parameter": {"regularization_weight": 2.0},
            "converter": {"num_rules": [{"key": "*", "type": "num"}]},
        },
        updates=(
            ("train", ([["spam", _datum("buy now cheap", length=3.0)]],)),
            ("train", ([["ham", _datum("see you now")], ["spam", _datum("cheap cheap", length=2.0)]],)),
            ("set_label", ("new",)),
            ("train", ([["news", _datum("rain in the east", length=9.5)]],)),
            ("train", ([["sport", _datum("a late goal", length=-1.0)], ["news", _datum("rain")]],)),
            ("delete_label", ("news",)),
            ("train", ([["ham", _datum("see the rain")], ["mail", _datum("you and you", length=0.5)]],)),
            ("train", ([[f"label{i}", _datum(f"word{i} rain", length=float(i))] for i in range(5)],)),
        ),
        analyses=(
            ("get_labels", ()),
            (
                "classify",
                ([_datum("buy now and see the rain", length=1.0), _datum("a cheap goal"), _datum("")],),
            ),
        ),
    ),
    Subject(
        type="graph",
        config={"method": "graph_wo_index", "parameter": {"damping_factor": 0.8, "landmark_num": 2}},
        other_config={"method": "graph_wo_index", "parameter": {"damping_factor": 0.8, "landmark_num": 3}},
        # Ids go on behind a clear, which no model file knows of: some of these calls choose their own.
        updates=(
            ("add_centrality_query", (_EVERYTHING,)),
            ("create_node_here", ("1",)),
            ("add_shortest_path_query", (_EVERYTHING,)),
            ("create_node_here", ("2",)),
            ("create_node_here", ("3",)),
            ("create_edge", ("1", [{"kind": "road"}, "1", "2"])),
            ("create_edge", ("2", [{}, "2", "3"])),
            ("update_index", ()),
            ("create_edge", ("3", [{"kind": "rail"}, "3", "1"])),
            ("update_node", ("2", {"name": "two", "of": "three"})),
            ("update_index", ()),
            ("create_edge_here", (1000, [{}, "3", "3"])),
            ("remove_edge", ("3", 1000)),
            ("create_node", ()),
            ("update_index", ()),
        ),
        analyses=(
            *(("get_node", (node,)) for node in ("1", "2", "3", "6")),
            *(("get_centrality", (node, 0, _EVERYTHING)) for node in ("1", "2", "3")),
            ("get_shortest_path", (["1", "1", 10, _EVERYTHING],)),
            ("get_shortest_path", (["1", "3", 10, _EVERYTHING],)),
            ("get_shortest_path", (["3", "2", 10, _EVERYTHING],)),
        ),
    ),
    Subject(
        type="recommender",
        config={
            "method": "euclid_lsh",
            "parameter": {
                "hash_num": 4,
                "table_num": 3,
                "bin_width": 1.5,
                "probe_num": 12,
                "seed": 7,
                "unlearner": "random",  # by the clock: no model file holds its draws
                "unlearner_parameter": {"max_size": 4},
            },
            "converter": {
                "string_rules": [
                    {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf1"},
                    {"key": "*", "type": "str", "sample_weight": "bin", "global_weight": "bin"},
                ],
                "num_rules": [{"key": "*", "type": "num"}],
            },
        },
        other_config={
            "method": "inverted_index",
            "converter": {"num_rules": [{"key": "*", "type": "num"}]},
        },
        updates=(
            ("update_row", ("first", _datum("buy now cheap", length=3.0))),
            ("update_row", ("second", _datum("see you now"))),
            ("update_row", ("first", _datum("see the rain", length=-1.0))),
            ("clear_row", ("second",)),
            *(("update_row", (f"row{i}", _datum(f"word{i} rain", length=float(i)))) for i in range(6)),
            ("update_row", ("first", _datum("a late goal", size=2.0))),
        ),
        analyses=(
            ("get_all_rows", ()),
            ("similar_row_from_datum", (_datum("buy now and see the rain", length=1.0), 3)),
            ("similar_row_from_id", ("first", 2)),
            ("similar_row_from_id_and_rate", ("row5", 0.5)),
            ("complete_row_from_datum", (_datum("word1", length=1.0),)),
            ("decode_row", ("first",)),
        ),
    ),
    Subject(
        type="clustering",
        config={
            # Coresets are drawn, and so are the first centers. What is pushed here ends with a full bucket, so that the
            # clusters of a loaded model are those of the saved one.
            "method": "kmeans",
            "parameter": {"k": 2, "seed": 5},
            "compressor_method": "compressive",
            "compressor_parameter": {
                "bucket_size": 4,
                "bucket_length": 2,
                "compressed_bucket_size": 3,
                "bicriteria_base_size": 1,
                "forgetting_factor": 0.125,
                "forgetting_threshold": 0.5,
                "seed": 3,
            },
            "converter": {
                "string_rules": [
                    {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"},
                ],
                "num_rules": [{"key": "*", "type": "num"}],
            },
        },
        other_config={
            "method": "kmeans",
            "parameter": {"k": 3, "seed": 5},
            "compressor_method": "simple",
            "compressor_parameter": {"bucket_size": 4},
            "converter": {"num_rules": [{"key": "*", "type": "num"}]},
        },
        updates=(
            ("push", ([[f"a{i}", _datum("sea", x=100.0 * (i % 2) + i / 8)] for i in range(4)],)),
            ("push", ([["b", _datum("deep sea", x=0.25, y=0.5)]],)),
            ("push", ([[f"c{i}", _datum("rain", x=100.0 * (i % 2), y=i / 4)] for i in range(6)],)),
            ("push", ([["d", _datum("rain in the east", x=99.5)]],)),
            ("push", ([[f"e{i}", _datum(f"word{i}", x=100.0 - i / 8)] for i in range(4)],)),
        ),
        analyses=(
            ("get_revision", ()),
            ("get_core_members", ()),
            ("get_core_members_light", ()),
            ("get_k_center", ()),
            ("get_nearest_center", (_datum("rain", x=90.0),)),
            ("get_nearest_members_light", (_datum("sea", y=1.0),)),
        ),
    ),
    Subject(
        type="regression",
        config={
            "method": "PA1",  # it remembers the deviation of its targets, which no model file holds
            "parameter": {"sensitivity": 0.1, "regularization_weight": 1.0},
            "converter": {
                "string_rules": [
                    {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"},
                    {"key": "*", "type": "space", "sample_weight": "bin", "global_weight": "bin"},
                ],
                "num_rules": [{"key": "*", "type": "num"}],
            },
        },
        other_config={
            "method": "PA1",
            "parameter": {"sensitivity": 0.2, "regularization_weight": 1.0},
            "converter": {"num_rules": [{"key": "*", "type": "num"}]},
        },
        updates=(
            ("train", ([[3.5, _datum("two rooms and a view", area=1.5)]],)),
            ("train", ([[-9.0, _datum("no view")], [40.25, _datum("ten rooms", area=2.0)]],)),
            ("train", ([[0.125, _datum("a room", area=0.5)]],)),
            ("train", ([[700, _datum("a castle and a view", area=3.0)], [1.0, _datum("")]],)),
            ("train", ([[float(i), _datum(f"house{i} rooms", area=i / 4)] for i in range(5)],)),
        ),
        analyses=(
            ("estimate", ([_datum("two rooms and a castle", area=1.0), _datum("a view"), _datum("")],)),
        ),
    ),
    Subject(
        type="stat",
        config={"window_size": 5},
        other_config={"window_size": 6},
        updates=tuple(
            ("push", (key, value))
            for key, value in [
                ("a", 1.5),
                ("b", -2.25),
                ("a", 0.1),
                ("a", 7),
                ("b", 0.3),
                ("c", 1e20),
                ("c", 3.0),
            ]
        ),
        analyses=tuple(
            [("moment", (key, degree, 0.5)) for key in "ab" for degree in (1, 2, 3)]
            + [("max", ("a",)), ("min", ("a",)), ("entropy", ("",))]
        ),
        timeless=lambda data: [data[0], [data[1][0], [entry for _, entry in data[1][1]], *data[1][2:]]],
    ),
    Subject(
        type="weight",
        config={
            "converter": {
                "string_rules": [
                    {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf1"},
                    {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "bm25"},
                ],
                "num_rules": [{"key": "*", "type": "num"}],
                "combination_rules": [{"key_left": "*@num", "key_right": "*", "type": "mul"}],
            },
        },
        other_config={"converter": {"num_rules": [{"key": "*", "type": "num"}]}},
        updates=(
            ("update", (_datum("buy now cheap", length=3.0),)),
            ("update", (_datum("see you now"),)),
            ("update", (_datum("rain in the east rain", length=9.5),)),
            ("update", (_datum("buy the rain"),)),
        ),
        analyses=(("calc_weight", (_datum("buy now and see the rain rain", length=1.0),)),),
    ),
    Subject(
        type="nearest_neighbor",
        config={
            "method": "euclid_lsh",
            "parameter": {"hash_num": 72, "threads": 2},
            "converter": {
                "string_rules": [
                    {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf1"}
                ],
                "num_rules": [{"key": "*", "type": "num"}],
            },
        },
        other_config={
            "method": "lsh",
            "parameter": {"hash_num": 72},
            "converter": {"num_rules": [{"key": "*", "type": "num"}]},
        },
        updates=(
            ("set_row", ("first", _datum("buy now cheap", length=3.0))),
            ("set_row", ("second", _datum("see you now"))),
            ("set_row", ("first", _datum("see the rain", length=-1.0))),
            ("set_row", ("third", _datum("", length=0.0))),
            *(("set_row", (f"row{i}", _datum(f"word{i} rain", length=float(i)))) for i in range(5)),
        ),
        analyses=(
            ("get_all_rows", ()),
            ("neighbor_row_from_datum", (_datum("buy now and see the rain", length=1.0), 4)),
            ("similar_row_from_id", ("first", 10)),
        ),
    ),
    Subject(
        type="anomaly",
        config={
            "method": "lof",
            "parameter": {
                "nearest_neighbor_num": 3,
                "reverse_nearest_neighbor_num": 5,
                "ignore_kth_same_point": True,
                "unlearner": "random",
                "unlearner_parameter": {"max_size": 9},
                "method": "inverted_index_euclid",
                "parameter": {},
            },
            "converter": {
                "string_rules": [
                    {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf1"}
                ],
                "num_rules": [{"key": "*", "type": "num"}],
            },
        },
        other_config={
            "method": "light_lof",
            "parameter": {
                "nearest_neighbor_num": 3,
                "reverse_nearest_neighbor_num": 5,
                "method": "euclid_lsh",
                "parameter": {"hash_num": 64},
            },
            "converter": {"num_rules": [{"key": "*", "type": "num"}]},
        },
        updates=(
            ("add", (_datum("buy now cheap", length=3.0),)),
            ("add_bulk", ([_datum(f"word{i} rain", length=i / 4) for i in range(5)],)),
            ("add", (_datum("", length=1.5),)),
            ("add", (_datum("", length=1.5),)),
            ("add", (_datum("", length=1.5),)),  # ignored, and takes an id
            ("update", ("named", _datum("see you now"))),
            ("update", ("named", _datum("see the rain", length=-1.0))),
            ("overwrite", ("2", _datum("rain rain", length=9.5))),
            ("clear_row", ("1",)),
            *(("add", (_datum(f"{i} rain", length=float(i)),)) for i in range(6)),
        ),
        analyses=(
            ("get_all_rows", ()),
            ("calc_score", (_datum("buy now and see the rain", length=1.0),)),
            ("calc_score", (_datum("rain", length=-70.0),)),
        ),
    ),
]
