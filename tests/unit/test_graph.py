"""The graph engine: editing, ids, centralities and paths, against a plain oracle, networkx and Jubatus' own numbers."""

import itertools
import threading
from pathlib import Path
from typing import Any

import msgpack
import networkx
import pytest
from graph_oracle import GraphOracle, Query, Refused
from hypothesis import given, settings
from hypothesis import strategies as st
from server_process import CallError, serving, write_config

import duma
from duma.errors import ConfigurationError, DumaError, ModelFileError

ALL: Query = ((), ())
KINDS = (ALL, ((("kind", "a"),), ()), ((), (("kind", "a"),)), ((("kind", "b"),), (("kind", "a"),)))


def config(damping_factor: float = 0.9, landmark_num: int = 5) -> Any:
    parameter = {"damping_factor": damping_factor, "landmark_num": landmark_num}
    return {"method": "graph_wo_index", "parameter": parameter}


def graph(**parameter: Any) -> Any:
    return duma.Graph(config(**parameter))


def square(**parameter: Any) -> Any:
    """Nodes 0 to 3, edges 0-1, 1-2, 2-3 and 0-2 with the ids 4 to 7, and both indexes of everything."""
    made = graph(**parameter)
    made.add_centrality_query(ALL)
    made.add_shortest_path_query(ALL)
    assert [made.create_node() for _ in range(4)] == ["0", "1", "2", "3"]
    for expected, (source, target) in enumerate([("0", "1"), ("1", "2"), ("2", "3"), ("0", "2")], 4):
        assert made.create_edge(source, ({}, source, target)) == expected
    return made


def path(engine: Any, source: int, target: int, max_hop: int = 100, query: Query = ALL) -> list[int]:
    return [int(node) for node in engine.get_shortest_path((str(source), str(target), max_hop, query))]


def data(engine: Any) -> bytes:
    """The user data that is saved."""
    return b"".join(engine.snapshot().chunks())


def tree(engine: Any) -> Any:
    """The same, read; keys that are queries are tuples."""
    return msgpack.unpackb(data(engine), strict_map_key=False, use_list=False)[1]


def loaded(driver: Any) -> Any:
    """A graph from driver data; queries that are keys are tuples in it."""
    made = graph()
    packed = msgpack.packb([1, driver], use_bin_type=False)
    made.adopt(made.read_model(memoryview(packed)))
    return made


# --- editing ---

PROPERTIES = st.dictionaries(st.sampled_from(["kind", "é", ""]), st.sampled_from(["a", "b", ""]), max_size=3)
NEAR = st.integers(0, 12)
CALLS = st.one_of(
    st.tuples(st.just("create_node")),
    st.tuples(st.just("create_node")),
    st.tuples(st.just("update_node"), NEAR, PROPERTIES),
    st.tuples(st.just("remove_node"), NEAR),
    st.tuples(st.just("create_edge"), PROPERTIES, NEAR, NEAR),
    st.tuples(st.just("create_edge"), PROPERTIES, NEAR, NEAR),
    st.tuples(st.just("update_edge"), NEAR, PROPERTIES),
    st.tuples(st.just("remove_edge"), st.integers(0, 20)),
    st.tuples(st.just("update_index")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("clear")),
)


def apply(engine: Any, call: tuple[Any, ...]) -> Any:
    name, *arguments = call
    match name:
        case "create_node":
            return int(engine.create_node())
        case "update_node":
            return engine.update_node(str(arguments[0]), arguments[1])
        case "remove_node":
            return engine.remove_node(str(arguments[0]))
        case "create_edge":
            properties, source, target = arguments
            return engine.create_edge(str(source), (properties, str(source), str(target)))
        case "update_edge":
            return engine.update_edge("anything", arguments[0], (arguments[1], "7", "8"))
        case "remove_edge":
            return engine.remove_edge("anything", arguments[0])
        case _:
            return getattr(engine, name)()


def apply_to_oracle(oracle: GraphOracle, call: tuple[Any, ...]) -> Any:
    name, *arguments = call
    if name == "clear":
        oracle.forget()
        for query in KINDS:
            oracle.centralities[query], oracle.landmarks[query] = {}, []
        return True
    try:
        result = getattr(oracle, name)(*arguments)
    except Refused as refused:
        return refused
    return True if result is None else result


def register(engine: Any) -> None:
    for query in KINDS:
        engine.add_centrality_query(query)
        engine.add_shortest_path_query(query)


@settings(max_examples=60, deadline=None)
@given(calls=st.lists(CALLS, max_size=60))
def test_any_calls_give_what_the_rules_say(calls: list[Any]) -> None:
    engine, oracle = graph(damping_factor=0.7, landmark_num=2), GraphOracle(0.7, 2)
    register(engine)
    apply_to_oracle(oracle, ("clear",))
    for call in calls:
        if call == ("restart",):
            state, again = engine.hidden_state(), graph(damping_factor=0.7, landmark_num=2)
            again.adopt(again.read_model(memoryview(data(engine))))
            again.set_hidden_state(state)
            assert tree(again) == tree(engine)
            engine = again
            continue
        expected = apply_to_oracle(oracle, call)
        if isinstance(expected, Refused):
            with pytest.raises(DumaError) as raised:
                apply(engine, call)
            assert str(raised.value) == str(expected)
        else:
            assert apply(engine, call) == expected
        if call == ("clear",):
            register(engine)
    compare(engine, oracle)
    apply(engine, ("update_index",))
    oracle.update_index()
    compare(engine, oracle)
    compare_paths(engine, oracle)


def compare(engine: Any, oracle: GraphOracle) -> None:
    for node, expected in oracle.nodes.items():
        assert engine.get_node(str(node)) == expected
    for edge, (properties, source, target) in oracle.edges.items():
        assert engine.get_edge("", edge) == (properties, str(source), str(target))
    nodes, edges, global_nodes, centralities, landmarks = tree(engine)
    assert (set(nodes), set(edges), set(global_nodes)) == (
        set(oracle.nodes),
        set(oracle.edges),
        set(oracle.nodes),
    )
    assert engine.status() == {
        "local_node_num": str(len(nodes)),
        "global_node_num": str(len(global_nodes)),
        "local_edge_num": str(len(edges)),
    }
    for query, scores in oracle.centralities.items():
        assert centralities[query] == {
            node: (pytest.approx(score, rel=1e-12), degree) for node, (score, degree) in scores.items()
        }
        for node, (score, _) in scores.items():
            assert engine.get_centrality(str(node), 0, query) == pytest.approx(score, rel=1e-12)
        assert [landmark for landmark, _, _ in landmarks[query]] == oracle.landmarks[query]


def compare_paths(engine: Any, oracle: GraphOracle) -> None:
    """Every path against the distances that networkx finds."""
    for query, landmarks in oracle.landmarks.items():
        known = networkx.DiGraph()
        known.add_nodes_from(oracle.nodes)
        # Nodes that are not here are no stations, but a landmark may be one that has gone.
        known.add_edges_from(
            (source, target)
            for source, target in oracle.followed(query)
            if {source, target} <= {*oracle.nodes, *landmarks}
        )
        for source, target in itertools.product(oracle.nodes, repeat=2):
            lengths = [
                networkx.shortest_path_length(only(known, oracle, landmark), source, landmark)
                + networkx.shortest_path_length(only(known, oracle, landmark), landmark, target)
                for landmark in landmarks
                if landmark in known
                and networkx.has_path(only(known, oracle, landmark), source, landmark)
                and networkx.has_path(only(known, oracle, landmark), landmark, target)
            ]
            found = path(engine, source, target, query=query)
            if not lengths:
                assert found == []
                continue
            assert (found[0], found[-1]) == (source, target)
            assert all(step in known.edges for step in itertools.pairwise(found))
            # It ends early if the target lies on the way to the landmark.
            assert len(found) == min(lengths) + 1 or (len(found) <= min(lengths) and target in found)


def only(known: Any, oracle: GraphOracle, landmark: int) -> Any:
    return known.subgraph({*oracle.nodes, landmark})


# --- ids ---


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12abc", 12),
        ("1.5", 1),
        ("0x10", 0),
        (" \t\n\v\f\r7", 7),
        ("+7", 7),
        ("-1", 2**64 - 1),
        ("-18446744073709551615", 1),
        ("00018446744073709551615", 2**64 - 1),
    ],
)
def test_ids_are_the_numbers_that_texts_begin_with(text: str, number: int) -> None:
    engine = graph()
    assert engine.create_node_here(text) is True
    assert engine.get_node(text) == engine.get_node(str(number)) == ({}, [], [])
    assert list(tree(engine)[0]) == [number]


@pytest.mark.parametrize(
    "text", ["", " ", "abc", "-", "+-1", "- 1", "18446744073709551616", "-18446744073709551616"]
)
def test_texts_that_begin_with_no_number_are_refused(text: str) -> None:
    for call in (
        lambda engine: engine.create_node_here(text),
        lambda engine: engine.get_node(text),
        lambda engine: engine.create_edge("0", ({}, "0", text)),
        lambda engine: engine.get_shortest_path((text, "0", 1, ALL)),
        lambda engine: engine.get_centrality(text, 0, ALL),
    ):
        with pytest.raises(DumaError, match=r"^std::bad_cast$"):
            call(square())


def test_ids_are_counted_once_for_nodes_and_edges(tmp_path: Path) -> None:
    engine = square()
    for expected in (8, 9):
        with pytest.raises(DumaError, match=r"^graph_wo_index::create_edge unknown src id=77 tgt id=78$"):
            engine.create_edge("77", ({}, "77", "78"))
        assert msgpack.unpackb(engine.hidden_state()) == expected + 1
    assert engine.create_node() == "10"
    engine.save(tmp_path / "m")
    engine.create_node()
    engine.load(tmp_path / "m")
    assert engine.create_node() == "11"
    engine.clear()
    assert engine.create_node() == "12"


def test_ids_that_others_gave_are_passed_over() -> None:
    engine = graph()
    engine.create_node_here("1")
    engine.create_edge_here(2, ({}, "1", "5"))
    assert [engine.create_node() for _ in range(4)] == ["0", "3", "4", "5"]
    assert engine.get_node("5") == ({}, [], [])  # the edge was there before the node
    engine.remove_edge("", 2)
    assert engine.status()["local_edge_num"] == "0"


# --- errors, between servers ---


def test_errors_have_jubatus_texts() -> None:
    engine = square()
    engine.update_index()
    for text, call in {
        "get_node": lambda: engine.get_node("9"),
        "update_node": lambda: engine.update_node("9", {}),
        "remove_node": lambda: engine.remove_node("9"),
        "get_edge": lambda: engine.get_edge("0", 0),
        "update_edge:eid": lambda: engine.update_edge("0", 0, ({}, "0", "1")),
        "remove_edge:eid": lambda: engine.remove_edge("0", 0),
        "edge_exists": lambda: engine.create_edge_here(4, ({}, "0", "1")),
        "remove_global_node": lambda: engine.remove_global_node("9"),
        "unknown centrality type: 1": lambda: engine.get_centrality("0", 1, ALL),
        "unknown_centrality_type": lambda: engine.get_centrality("0", 0, ((("a", "b"),), ())),
        "centrality": lambda: engine.get_centrality("9", 0, ALL),
        "shortest_path:src": lambda: engine.get_shortest_path(("9", "0", 1, ALL)),
        "shortest_path:tgt": lambda: engine.get_shortest_path(("0", "9", 1, ALL)),
        "unknown_query": lambda: engine.get_shortest_path(("0", "1", 1, ((), (("a", "b"),)))),
    }.items():
        with pytest.raises(DumaError) as raised:
            call()
        assert str(raised.value) == text


def test_a_node_that_is_no_global_one_begins_no_path_and_can_be_removed() -> None:
    engine = graph()
    engine.add_shortest_path_query(ALL)
    engine.create_node()
    assert engine.remove_global_node("0") is True
    with pytest.raises(DumaError, match=r"^shortest_path:src$"):
        path(engine, 0, 0)
    assert engine.get_node("0") == ({}, [], [])
    with pytest.raises(DumaError, match=r"^remove_global_node$"):
        engine.remove_node("0")
    assert set(engine.status().values()) == {"0"}


def test_queries_are_the_same_if_their_lists_are() -> None:
    engine = graph()
    engine.create_node()
    engine.update_node("0", {"a": "1", "b": "2"})
    one, other = ((), (("a", "1"), ("b", "2"))), ((), (("b", "2"), ("a", "1")))
    assert engine.add_centrality_query(one) is True
    engine.update_index()
    assert engine.get_centrality("0", 0, one) == 1
    with pytest.raises(DumaError, match=r"^unknown_centrality_type$"):
        engine.get_centrality("0", 0, other)
    engine.add_centrality_query(one)  # changes nothing
    assert engine.get_centrality("0", 0, one) == 1
    assert engine.remove_centrality_query(one) is engine.remove_centrality_query(one) is True
    assert engine.remove_shortest_path_query(one) is True
    assert tree(engine)[3:] == ({}, {})


# --- centrality ---


def test_centralities_are_those_of_jubatus() -> None:
    engine = square()
    for expected in (
        [1, 1, 1, 1],
        [0.325, 0.775, 1.675, 1.225],
        [0.375625, 0.521875, 1.219375, 1.883125],
        [0.523703125, 0.692734375, 1.162421875, 1.621140625],
    ):
        engine.update_index()
        found = [engine.get_centrality(str(node), 0, ALL) for node in range(4)]
        assert found == pytest.approx(expected, abs=1e-12)
    for _ in range(400):
        engine.update_index()
    final = [0.4605907075824745, 0.66785652599458811, 1.2689273993897172, 1.6026253670332204]
    assert [engine.get_centrality(str(n), 0, ALL) for n in range(4)] == pytest.approx(final, rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(
    edges=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30),
    damping=st.sampled_from([0.3, 0.85]),
)
def test_steps_go_to_pagerank(edges: list[tuple[int, int]], damping: float) -> None:
    engine = graph(damping_factor=damping)
    engine.add_centrality_query(ALL)
    known = networkx.MultiDiGraph()
    known.add_nodes_from(range(10))
    known.add_edges_from(edges)
    for _ in range(10):
        engine.create_node()
    for source, target in edges:
        engine.create_edge(str(source), ({}, str(source), str(target)))
    for _ in range(120):
        engine.update_index()
    expected = networkx.pagerank(known, alpha=damping, tol=1e-12, max_iter=1000)
    for node in range(10):
        assert engine.get_centrality(str(node), 0, ALL) == pytest.approx(10 * expected[node], rel=1e-6)


# --- paths ---


def test_paths_are_cut_off_where_jubatus_does() -> None:
    engine = square()
    assert path(engine, 0, 3) == []
    engine.update_index()
    assert path(engine, 0, 3, 3) == [0, 2, 3]
    for most in (0, 1, 2):
        assert path(engine, 0, 3, most) == [0]
    assert path(engine, 3, 0) == []
    assert path(engine, 3, 3) == [3]
    one = graph(landmark_num=1)  # the landmark is 0: a way to it and a way from it
    one.add_shortest_path_query(ALL)
    for _ in range(5):
        one.create_node()
    for source, target in [(1, 2), (2, 0), (0, 3), (3, 4), (4, 1)]:
        one.create_edge("", ({}, str(source), str(target)))
    one.update_index()
    cut = [path(one, 1, 4, most) for most in range(6)]
    assert cut == [[], [1], [1, 2, 0], [1, 2, 0], [1, 2, 0], [1, 2, 0, 3, 4]]
    assert path(one, 1, 0, 2) == [1, 2, 0]
    assert path(one, 1, 2, 100) == [1, 2]  # it lies on the way to the landmark


def test_nodes_become_landmarks_when_they_are_made_or_updated() -> None:
    engine = graph(landmark_num=2)
    only_a, only_b = ((), (("kind", "a"),)), ((), (("kind", "b"),))
    engine.create_node()
    for query in (ALL, only_a, only_b):
        engine.add_shortest_path_query(query)
    for _ in range(3):
        engine.create_node()
    engine.update_node("0", {"kind": "b"})
    engine.update_node("1", {"kind": "b"})
    engine.update_node("1", {"kind": "a"})
    engine.update_node("1", {"kind": "b"})
    found = {query: [landmark for landmark, _, _ in trees] for query, trees in tree(engine)[4].items()}
    assert found == {ALL: [1, 2], only_a: [1], only_b: [0, 1]}


def test_ways_that_have_gone_are_forgotten_by_the_next_update_of_the_index() -> None:
    engine = square()
    engine.update_index()
    engine.remove_edge("0", 7)
    assert path(engine, 0, 3) == [0, 2, 3]
    engine.update_index()
    assert path(engine, 0, 3) == [0, 1, 2, 3]
    engine.remove_edge("2", 6)
    engine.remove_node("3")
    engine.update_index()
    with pytest.raises(DumaError, match=r"^shortest_path:tgt$"):
        path(engine, 0, 3)
    assert path(engine, 0, 2) == [0, 1, 2]


def test_long_ways_settle_at_once() -> None:
    engine = graph(landmark_num=1)
    engine.add_shortest_path_query(ALL)
    for _ in range(6000):
        engine.create_node()
    for node in range(5999):
        engine.create_edge("", ({}, str(node), str(node + 1)))
    assert not slow(engine, "get_shortest_path")
    engine.update_index()
    assert path(engine, 0, 5999, 6000) == list(range(6000))
    for name in ("get_shortest_path", "update_index", "clear"):
        assert slow(engine, name)
    assert not slow(engine, "get_node")
    engine.clear()
    assert not slow(engine, "update_index")


def slow(engine: Any, name: str) -> bool:
    """Whether a server would run a call in a thread."""
    declared = engine.methods[name].slow
    return bool(declared(engine)) if callable(declared) else declared


# --- model files ---


def test_what_is_saved() -> None:
    engine = graph(landmark_num=3)
    engine.create_node()
    engine.add_shortest_path_query(ALL)
    engine.create_node()
    engine.update_node("0", {"b": "2", "a": "1"})
    engine.create_edge("0", ({"w": "x"}, "0", "1"))
    expected = "9201" + "95"
    expected += "82" + "00" + "93" + "82a161a131a162a132" + "90" + "9102" + "01" + "93" + "80" + "9102" + "90"
    expected += "81" + "02" + "93" + "81a177a178" + "00" + "01" + "82" + "0000" + "0100"
    expected += "80" + "81" + "929090" + "92" + "93018080" + "93008080"
    assert data(engine).hex() == expected
    engine.add_centrality_query(ALL)
    engine.update_index()
    assert tree(engine)[3:] == (
        {ALL: {0: (1.0, 1), 1: (1.0, 0)}},
        {ALL: ((1, {1: (0, 1)}, {0: (1, 1), 1: (0, 1)}), (0, {0: (0, 0), 1: (1, 0)}, {0: (0, 0)}))},
    )
    assert tree(loaded(tree(engine))) == tree(engine)


def test_a_load_replaces_everything(tmp_path: Path) -> None:
    first, second = square(), graph()
    first.save(tmp_path / "m")
    second.create_node_here("100")
    second.add_centrality_query(((("a", "b"),), ()))
    second.load(tmp_path / "m")
    assert tree(second) == tree(first)
    assert second.create_node() == "8"


def test_an_empty_graph_is_saved_and_loaded() -> None:
    again = loaded(tree(graph()))
    assert tree(again) == ({}, {}, {}, {}, {})
    again.update_index()
    assert again.create_node() == "1"  # the largest id, of none 0, and one


def test_what_jubatus_leaves_behind_is_passed_over() -> None:
    """Lists with edges that are not there or of other nodes, edges that stand in no list, landmarks twice."""
    nodes = {0: ({}, (9, 5), (4, 4, 5)), 1: ({}, (4,), ())}
    edges = {4: ({}, 0, 1), 5: ({}, 0, 7), 6: ({}, 1, 0)}
    trees = ((1, {}, {0: (1, 1)}), (0, {3: (2, 8)}, {}), (1, {}, {}))
    engine = loaded((nodes, edges, {0: 0, 1: 0, 30: 0}, {ALL: {50: (2.5, 3)}}, {ALL: trees}))
    assert engine.get_node("0") == ({}, [], [4, 5])
    assert engine.get_node("1") == ({}, [4], [])
    assert tree(engine)[3:] == ({ALL: {50: (2.5, 3)}}, {ALL: trees[:2]})
    assert engine.get_centrality("50", 0, ALL) == 2.5
    assert engine.create_node() == "31"
    engine.remove_edge("", 6)
    engine.update_index()
    assert path(engine, 0, 1) == [0, 1]


def test_trees_that_go_round_end() -> None:
    nodes = {node: ({}, (), ()) for node in range(3)}
    round_and_round = {0: (1, 1), 1: (1, 0)}
    engine = loaded((nodes, {}, {0: 0, 1: 0, 2: 0}, {}, {ALL: ((2, round_and_round, round_and_round),)}))
    assert path(engine, 0, 1, 2**32 - 1) == [0, 1]  # the target lies on it
    engine = loaded((nodes, {}, {0: 0, 1: 0, 2: 0}, {}, {ALL: ((2, {2: (0, 2)}, round_and_round),)}))
    assert path(engine, 0, 2, 2**32 - 1) == []


@pytest.mark.parametrize(
    ("driver", "problem"),
    [
        (({}, {}, {}, {}), "a graph's data is an array of 5"),
        (({0: ({}, ())}, {}, {}, {}, {}), "a node is an array of 3"),
        (({0: ({}, ("x",), ())}, {}, {}, {}, {}), "an integer of at least 0 was expected"),
        (({-1: ({}, (), ())}, {}, {}, {}, {}), "an integer of at least 0 was expected"),
        (({}, {4: ({"a": 1}, 0, 1)}, {}, {}, {}), "a string was expected"),
        (({}, {}, {}, {ALL: {0: (1.0, 2**32)}}, {}), "an out-degree is too large: 4294967296"),
        (({}, {}, {}, {}, {ALL: ((0, {0: (2**32, 0)}, {}),)}), "a distance is too large"),
        (({}, {}, {}, {}, {ALL: ((0, {}),)}), "a landmark is an array of 3"),
    ],
)
def test_files_that_do_not_fit_are_refused(driver: Any, problem: str) -> None:
    with pytest.raises(ModelFileError, match=f"user data is broken: {problem}"):
        loaded(driver)


@pytest.mark.parametrize("table", range(5))
def test_what_stands_twice_is_refused(table: int) -> None:
    entry = {
        0: "00" + "93809090",
        1: "04" + "93800001",
        3: "929090" + "80",
        4: "929090" + "90",
    }
    tables = ["80"] * 5
    tables[table] = "82" + entry.get(table, "0000") * 2
    packed = bytes.fromhex("9201" + "95" + "".join(tables))
    engine = graph()
    if table == 2:
        assert engine.read_model(memoryview(packed)).status()["global_node_num"] == "1"
        return
    with pytest.raises(ModelFileError, match="stands twice"):
        engine.read_model(memoryview(packed))


# --- servers ---


def test_a_server_counts_updates_as_jubatus_does(tmp_path: Path) -> None:
    counted = 0
    with serving(tmp_path, "-f", write_config(tmp_path, config()), command="jubagraph") as (_, client, _):
        for counts, method, *arguments in [
            (False, "create_node"),
            (False, "create_edge", "0", [{}, "0", "5"]),
            (True, "remove_edge", "0", 1),
            (True, "update_node", "0", {"a": "b"}),
            (True, "add_centrality_query", [[], []]),
            (True, "update_index"),
            (True, "remove_node", "0"),
            (True, "create_node_here", "7"),
            (False, "get_node", "7"),
        ]:
            client.call(method, *arguments)
            counted += counts
            ((_, status),) = client.call("get_status").items()
            assert status["update_count"] == str(counted)
        for counts, method, *arguments in [
            (True, "remove_node", "0"),
            (False, "create_edge", "0", [{}, "8", "9"]),
        ]:
            with pytest.raises(CallError):
                client.call(method, *arguments)
            counted += counts
            ((_, status),) = client.call("get_status").items()
            assert status["update_count"] == str(counted)


def test_arguments_that_are_none_change_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, "-f", write_config(tmp_path, config()), command="jubagraph") as (_, client, _):
        client.call("create_node")
        for method, *arguments in [
            ("create_edge", "0", {}),
            ("create_edge", 0, [{}, "0", "0"]),
            ("create_edge", "0", [{"a": 1}, "0", "0"]),
            ("create_edge", "0", [{}, 0, "0"]),
            ("update_node", "0", [["a", "b"]]),
            ("remove_edge", "0", -1),
            ("remove_edge", "0", "1"),
            ("add_centrality_query", [[["a", "b", "c"]], []]),
            ("add_centrality_query", [[["a", 1]], []]),
            ("get_shortest_path", ["0", "0", 2**32, [[], []]]),
            ("get_shortest_path", ["0", "0", -1, [[], []]]),
            ("get_centrality", "0", "0", [[], []]),
            ("create_node_here", 5),
        ]:
            with pytest.raises(CallError) as raised:
                client.call(method, *arguments)
            assert raised.value.error == 2, method
        assert client.call("create_edge", "0", [{}, "0", "0", "more"]) == 1


def test_analyses_go_on_while_an_index_is_made() -> None:
    """What they see is one finished index or the next, and never a part of one."""
    engine = graph(landmark_num=3)
    engine.add_centrality_query(ALL)
    engine.add_shortest_path_query(ALL)
    for _ in range(3000):
        engine.create_node()
    for node in range(3000):
        engine.create_edge("", ({}, str(node), str(node * 7919 % 3000)))
    engine.update_index()
    done = threading.Event()
    problems: list[BaseException] = []

    def look() -> None:
        try:
            while not done.is_set():
                found = path(engine, 0, 0)
                assert found == [0]
                assert engine.get_centrality("5", 0, ALL) > 0
                assert engine.get_node("5").out_edges
        except BaseException as problem:
            problems.append(problem)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for _ in range(30):
        engine.update_index()
        snapshot = engine.snapshot()
        engine.create_node()
        assert sum(map(len, snapshot.chunks())) == snapshot.size
    done.set()
    for looker in lookers:
        looker.join()
    assert not problems


# --- configurations ---


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"method": "graph_w_index"}, "unknown method name: graph_w_index"),
        ({"parameter": {"damping_factor": 0, "landmark_num": 5}}, r"expected: 0.0 < damping_factor < 1.0"),
        ({"parameter": {"damping_factor": 1, "landmark_num": 5}}, r"expected: 0.0 < damping_factor < 1.0"),
        ({"parameter": {"damping_factor": 0.5, "landmark_num": -1}}, r"expected: 0 <= landmark_num"),
        ({"parameter": {"damping_factor": 0.5, "landmark_num": 2.0}}, "Integer is expected"),
        ({"parameter": {"damping_factor": "0.5", "landmark_num": 2}}, "Float is expected"),
        ({"parameter": {"damping_factor": 0.5}}, '"landmark_num" is not found'),
        ({"parameter": None}, "Object is expected, but Null is given"),
        ({"converter": {}}, '"converter" is not used'),
    ],
)
def test_configurations_that_are_refused(change: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        duma.Graph(config() | change)
    with pytest.raises(ConfigurationError, match='"parameter" is not found'):
        duma.Graph({"method": "graph_wo_index"})
