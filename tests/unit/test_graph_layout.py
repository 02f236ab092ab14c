"""`duma model` on the files of the graph engine."""

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from click.testing import CliRunner, Result

import duma
from duma.commands.model import model
from duma.errors import ModelFileError
from duma.models.graph import GraphLayout

ALL: Any = ([], [])
ROADS: Any = ([("kind", "road")], [])


def config(damping_factor: float = 0.9, landmark_num: int = 2) -> Any:
    parameter = {"damping_factor": damping_factor, "landmark_num": landmark_num}
    return {"method": "graph_wo_index", "parameter": parameter}


def town(**parameter: Any) -> Any:
    """Nodes 0 to 3 in a row, edges 4 to 6; with both indexes."""
    made = duma.Graph(config(**parameter))
    made.add_centrality_query(ALL)
    made.add_shortest_path_query(ROADS)
    for _ in range(4):
        made.create_node()
    for node in range(3):
        made.create_edge("", ({"kind": "road"}, str(node), str(node + 1)))
    made.update_index()
    return made


def saved(path: Path, engine: Any) -> Path:
    engine.save(path)
    return path


def duma_model(*words: Any) -> Result:
    return CliRunner().invoke(model, [str(word) for word in words])


def test_inspecting(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", town())
    assert json.loads(duma_model("inspect", path, "--json", "--top", 2).stdout)["model"] == {
        "nodes": 4,
        "edges": 3,
        "global_nodes": 4,
        "nodes_with_most_edges": {"1": 2, "2": 2},
        "centrality_queries": {"[[], []]": 4},
        "landmarks_of_queries": {'[[["kind", "road"]], []]': ["0", "1"]},
    }
    assert "nodes with most edges" in duma_model("inspect", path).output


def test_comparing(tmp_path: Path) -> None:
    a, other = saved(tmp_path / "a", town()), town()
    assert duma_model("diff", a, saved(tmp_path / "b", other)).exit_code == 0
    other.update_node("3", {"x": "y"})
    other.remove_edge("", 6)
    other.create_node()
    done = duma_model("diff", a, saved(tmp_path / "b", other), "--json")
    found = json.loads(done.stdout)["model"]
    assert (done.exit_code, found["same"], found["global_nodes"]) == (1, False, "differ")
    assert found["nodes"]["differing"] == {"count": 2, "examples": ["2", "3"]}
    assert found["nodes"]["only_b"] == {"count": 1, "examples": ["7"]}
    assert found["edges"]["only_a"] == {"count": 1, "examples": ["6"]}
    assert (found["centralities"], found["shortest_paths"]) == (None, None)
    other.update_index()
    done = duma_model("diff", a, saved(tmp_path / "b", other))
    assert "only in B" in done.output
    assert "centralities" in done.output


def test_under_another_configuration(tmp_path: Path) -> None:
    path, wanted = saved(tmp_path / "m", town()), config(0.5, 1)
    (tmp_path / "c").write_text(json.dumps(wanted))
    done = duma_model("convert", path, "--config", tmp_path / "c", "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "damping_factor: 0.9 becomes 0.5" in done.output
    assert "keeps the landmarks" in done.output
    converted = duma.Graph(wanted)
    converted.load(tmp_path / "out")
    assert b"".join(converted.snapshot().chunks()) == b"".join(town().snapshot().chunks())


def test_merging_the_parts_of_a_cluster(tmp_path: Path) -> None:
    one, other = town(), town()
    other.remove_edge("", 6)
    other.remove_node("3")
    other.create_node_here("9")
    other.create_edge_here(30, ({}, "9", "0"))
    paths = [saved(tmp_path / "one", one), saved(tmp_path / "other", other)]
    done = duma_model("merge", *paths, "-o", tmp_path / "whole")
    assert done.exit_code == 0, done.output
    assert "2 models become one of 5 nodes and 4 edges" in done.output
    whole = duma.Graph(config())
    whole.load(tmp_path / "whole")
    assert whole.get_node("0") == ({}, [30], [4])
    assert whole.get_node("2") == ({}, [5], [6])
    assert whole.get_shortest_path(("0", "3", 9, ROADS)) == ["0", "1", "2", "3"]
    assert whole.get_centrality("3", 0, ALL) == one.get_centrality("3", 0, ALL)


def test_merging_different_graphs_loses_what_has_the_same_ids(tmp_path: Path) -> None:
    other = town()
    other.update_edge("", 5, ({"kind": "ferry"}, "", ""))
    paths = [saved(tmp_path / "one", town()), saved(tmp_path / "other", other)]
    done = duma_model("merge", *paths, "-o", tmp_path / "whole")
    assert done.exit_code == 1
    assert "1 edges that are others in" in done.output
    assert not (tmp_path / "whole").exists()


@pytest.mark.parametrize(
    "driver",
    [
        5,
        [{}, {}, {}, {}],
        [{0: 5}, {}, {}, {}, {}],
        [{}, {0: [{}, 1]}, {}, {}, {}],
        [{}, {}, {}, {0: {0: 1.5}}, {}],
        [{}, {}, {}, {}, {0: [[0, {}]]}],
    ],
)
def test_broken_data_are_refused(driver: Any) -> None:
    layout = GraphLayout(json.dumps(config()))
    with pytest.raises(ModelFileError, match="user data is broken"):
        layout.details(memoryview(msgpack.packb([1, driver])), 5)
