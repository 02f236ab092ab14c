"""`duma model` on the files of the engines bandit, burst and stat."""

import json
from pathlib import Path
from typing import Any

import msgpack
import pytest
from click.testing import CliRunner, Result

import duma
from duma.commands.model import model
from duma.embedded import embedded_class


def duma_model(*words: Any) -> Result:
    return CliRunner().invoke(model, [str(word) for word in words])


def inspected(path: Path) -> Any:
    return json.loads(duma_model("inspect", path, "--json").stdout)["model"]


def saved(path: Path, made: Any) -> Path:
    made.save(path)
    return path


def write(path: Path, config: Any) -> Path:
    path.write_text(json.dumps(config))
    return path


def loaded(path: Path, engine: str, config: Any) -> Any:
    made: Any = embedded_class(engine)(config)
    made.load(path)
    return made


def tree(made: Any) -> Any:
    return msgpack.unpackb(b"".join(made.snapshot().chunks()), strict_map_key=False)


# --- stat ---


def stat(window_size: int, *pairs: tuple[str, float], time: int = 1_700_000_000) -> Any:
    made = duma.Stat({"window_size": window_size})
    for second, (key, value) in enumerate(pairs):
        made.clock = lambda second=second: (time + second) * 10**9
        made.push(key, value)
    return made


PAIRS = (("a", 1.0), ("b", 2.5), ("a", -1.0), ("c", 4.0))


def test_inspecting_numbers(tmp_path: Path) -> None:
    found = inspected(saved(tmp_path / "m", stat(3, *PAIRS)))
    assert (found["window_size"], found["numbers"], found["keys"]) == (3, 3, 3)
    assert (found["oldest"], found["newest"]) == (1_700_000_001, 1_700_000_003)
    assert found["most_numbers"]["b"] == {"n": 1, "sum": 2.5, "squares": 6.25, "max": 2.5, "min": 2.5}


def test_differences_of_numbers(tmp_path: Path) -> None:
    a = saved(tmp_path / "a", stat(3, *PAIRS))
    b = saved(tmp_path / "b", stat(3, *PAIRS, time=0))
    c = saved(tmp_path / "c", stat(3, *PAIRS, ("a", 9.0)))
    assert duma_model("diff", a, b).exit_code == 0
    different = duma_model("diff", a, c)
    assert different.exit_code == 1
    assert 'differing keys\t{"count": 2, "examples": ["a", "b"]}' in different.output


@pytest.mark.parametrize("size", [2, 10])
def test_numbers_in_another_window(size: int, tmp_path: Path) -> None:
    path, config = saved(tmp_path / "m", stat(4, *PAIRS)), {"window_size": size}
    words = ["convert", path, "--config", write(tmp_path / "c", config), "-o", tmp_path / "out"]
    assert duma_model(*words).exit_code == (1 if size == 2 else 0)
    if size == 2:
        assert duma_model(*words, "--accept-loss").exit_code == 0
    made, expected = loaded(tmp_path / "out", "stat", config), stat(size, *PAIRS)
    assert tree(made)[1][:2] == tree(expected)[1][:2]
    assert (made.sum("a"), made.moment("a", 2, 0.0)) == (expected.sum("a"), expected.moment("a", 2, 0.0))


def test_numbers_of_several_servers_become_one(tmp_path: Path) -> None:
    paths = [saved(tmp_path / "a", stat(3, *PAIRS[:2])), saved(tmp_path / "b", stat(3, *PAIRS[2:], time=0))]
    refused = duma_model("merge", *paths, "-o", tmp_path / "out")
    assert refused.exit_code == 1
    assert "the 1 oldest of 4 numbers" in refused.output
    assert duma_model("merge", *paths, "-o", tmp_path / "out", "--accept-loss").exit_code == 0
    window = tree(loaded(tmp_path / "out", "stat", {"window_size": 3}))[1][1]
    assert [pair for _, pair in window] == [["c", 4.0], ["a", 1.0], ["b", 2.5]]
    dealt = duma_model("deal", *paths, "-o", tmp_path, "--servers", "127.0.0.1:9199", "--id", "all")
    assert (dealt.exit_code, "cannot be dealt" in dealt.output) == (2, True)


# --- bandit ---


def bandit_config(method: str = "ucb1", *, assume_unrewarded: bool = False, **number: float) -> Any:
    return {"method": method, "parameter": {"assume_unrewarded": assume_unrewarded, **number}}


UCB1 = bandit_config()


def bandit(*rewards: tuple[str, str, float], arms: str = "ab", config: Any = UCB1) -> Any:
    made = duma.Bandit(config)
    for arm in arms:
        made.register_arm(arm)
    for reward in rewards:
        made.register_reward(*reward)
    return made


REWARDS = (("p", "a", 1.0), ("p", "b", 0.5), ("p", "a", 0.25), ("q", "b", 1.0))


def test_inspecting_players(tmp_path: Path) -> None:
    found = inspected(saved(tmp_path / "m", bandit(*REWARDS)))
    assert (found["method"], found["arms"], found["players"], found["trials"]) == ("ucb1", ["a", "b"], 2, 4)
    assert found["most_trials"]["p"]["a"] == {"trial_count": 2, "weight": 1.25}
    assert list(found["most_trials"]) == ["p", "q"]


def test_differences_of_players(tmp_path: Path) -> None:
    a = saved(tmp_path / "a", bandit(*REWARDS))
    assert duma_model("diff", a, saved(tmp_path / "b", bandit(*REWARDS))).exit_code == 0
    for name, other in {
        "reward": bandit(*REWARDS, ("q", "a", 0.0)),
        "player": bandit(*REWARDS, ("r", "a", 0.0)),
        "arm": bandit(*REWARDS, arms="abc"),
    }.items():
        assert duma_model("diff", a, saved(tmp_path / name, other)).exit_code == 1


def converted_bandit(folder: Path, config: Any, old: Any = UCB1) -> Any:
    path, output = saved(folder / "m", bandit(*REWARDS, config=old)), folder / "out"
    words = ["convert", path, "--config", write(folder / "c", config), "-o", output, "--json"]
    done = duma_model(*words)
    if done.exit_code == 1:
        done = duma_model(*words, "--accept-loss")
    assert done.exit_code == 0, done.output
    return loaded(output, "bandit", config), done.stdout


def test_another_method_keeps_the_experience(tmp_path: Path) -> None:
    made, said = converted_bandit(tmp_path, bandit_config("epsilon_greedy", epsilon=0.0))
    assert made.get_arm_info("p") == {"a": (2, 1.25), "b": (1, 0.5)}
    assert "ucb1 becomes epsilon_greedy" in said


def test_weights_of_exp3_are_no_rewards(tmp_path: Path) -> None:
    made, said = converted_bandit(tmp_path, bandit_config("exp3", gamma=0.5, assume_unrewarded=True))
    assert made.get_arm_info("p") == {"a": (2, 0.0), "b": (1, 0.0)}
    assert "no sums of rewards" in said
    assert "assume_unrewarded is another" in said


def test_another_number_changes_nothing_in_the_model(tmp_path: Path) -> None:
    config = bandit_config("softmax", tau=2.0)
    made, said = converted_bandit(tmp_path, config, bandit_config("softmax", tau=1.0))
    assert tree(made) == tree(bandit(*REWARDS, config=config))
    assert "1 becomes 2" in said


@pytest.mark.parametrize("command", ["merge", "deal"])
def test_players_of_several_servers_become_one(command: str, tmp_path: Path) -> None:
    paths = [
        saved(tmp_path / "a", bandit(*REWARDS)),
        saved(tmp_path / "b", bandit(("p", "a", 2.0), ("p", "c", 3.0), arms="ca")),
    ]
    output = ["-o", tmp_path / "out"]
    if command == "deal":
        output = ["-o", tmp_path, "--servers", "127.0.0.1:9199", "--id", "all"]
    done = duma_model(command, *paths, *output, "--json")
    assert done.exit_code == 0, done.output
    merged = loaded(Path(json.loads(done.stdout)["written"][0]), "bandit", UCB1)
    assert list(merged.get_arm_info("p").items()) == [("a", (3, 3.25)), ("b", (1, 0.5)), ("c", (1, 3.0))]
    assert merged.get_arm_info("q")["b"] == (1, 1.0)
    assert "does not have the arms b" in done.stdout
    _, mixed, unmixed = tree(merged)[1]
    assert (len(mixed), len(unmixed)) == ((2, 0) if command == "deal" else (0, 2))


def test_what_servers_share_counts_once(tmp_path: Path) -> None:
    paths = []
    for name, shared in (("a", 4), ("b", 4), ("c", 3)):
        made = bandit(arms="x")
        data = [1, [["x"], {"p": [shared, {"x": [shared, 1.0]}]}, {"p": [1, {"x": [1, 0.5]}]}]]
        made.adopt(made.read_model(memoryview(msgpack.packb(data))))
        paths.append(saved(tmp_path / name, made))
    for files, caution in ((paths[:2], False), (paths, True)):
        done = duma_model("merge", *files, "-o", tmp_path / str(len(files)))
        assert (done.exit_code, "differs" in done.output) == (0, caution)
        merged = loaded(tmp_path / str(len(files)), "bandit", UCB1)
        assert merged.get_arm_info("p") == {"x": (4 + len(files), 1.0 + 0.5 * len(files))}


# --- burst ---


def burst_config(n: int = 5, rotate: int = 5, threshold: float = -1) -> Any:
    return {
        "method": "burst",
        "parameter": {
            "window_batch_size": n,
            "batch_interval": 10,
            "result_window_rotate_size": rotate,
            "max_reuse_batch_num": 5,
            "costcut_threshold": threshold,
        },
    }


def burst(*batches: int, keywords: str = "k", first: int = 0, **more: Any) -> Any:
    """A model that has seen nine documents in each batch, as many of them with a keyword as is said."""
    made = duma.Burst(burst_config(**more))
    for keyword in keywords:
        made.add_keyword((keyword, 2.0, 0.5))
    for batch, relevant in enumerate(batches, first):
        made.add_documents([(batch * 10.0 + i, "k" if i < relevant else "") for i in range(9)])
    return made


BATCHES = (1, 1, 6, 6, 1, 1)


def test_inspecting_keywords(tmp_path: Path) -> None:
    found = inspected(saved(tmp_path / "m", burst(*BATCHES, keywords="jk")))
    assert (found["window_batch_size"], found["keywords"], found["counted_keywords"]) == (5, 2, 2)
    assert found["most_frequent"]["k"] == {
        "scaling": 2.0,
        "gamma": 0.5,
        "windows": 2,
        "from": -20.0,
        "to": 60.0,
        "relevant_documents": 15,
        "bursts_from": [20.0, 30.0],
    }
    assert list(found["most_frequent"]) == ["k", "j"]


def test_differences_of_keywords(tmp_path: Path) -> None:
    a = saved(tmp_path / "a", burst(*BATCHES))
    assert duma_model("diff", a, saved(tmp_path / "b", burst(*BATCHES))).exit_code == 0
    for name, other in {"more": burst(*BATCHES, 1), "other": burst(*BATCHES, keywords="kj")}.items():
        different = duma_model("diff", a, saved(tmp_path / name, other))
        assert (different.exit_code, "differing keywords" in different.output) == (1, True)


@pytest.mark.parametrize(
    ("wanted", "lost", "kept"),
    [
        (burst_config(threshold=3), "", 2),
        (burst_config(rotate=1), "the 1 oldest results", 1),
        (burst_config(n=6), "all windows", 0),
    ],
)
def test_keywords_under_another_configuration(wanted: Any, lost: str, kept: int, tmp_path: Path) -> None:
    path, output = saved(tmp_path / "m", burst(*BATCHES)), tmp_path / "out"
    words = ["convert", path, "--config", write(tmp_path / "c", wanted), "-o", output]
    done = duma_model(*words)
    assert (done.exit_code, lost in done.output) == (1 if lost else 0, True)
    if lost:
        assert duma_model(*words, "--accept-loss").exit_code == 0
    made = loaded(output, "burst", wanted)
    assert made.get_all_keywords() == [("k", 2.0, 0.5)]
    assert len(tree(made)[1][1]["k"][1][0]) == kept
    if kept:
        assert made.get_result("k") == burst(*BATCHES).get_result("k")
    assert made.add_documents([(65.0, "k")]) == 1


def test_keywords_of_several_servers_become_one(tmp_path: Path) -> None:
    models = [burst(*BATCHES[:3]), burst(*BATCHES, keywords="jk"), burst(keywords="i")]
    models[0].remove_keyword("k")
    models[0].add_keyword(("k", 3.0, 0.5))
    models[0].add_documents([(5.0, "k")])
    paths = [saved(tmp_path / str(n), made) for n, made in enumerate(models)]
    done = duma_model("merge", *paths, "-o", tmp_path / "out")
    assert (done.exit_code, "k has other parameters in" in done.output) == (0, True)
    merged = loaded(tmp_path / "out", "burst", burst_config())
    assert merged.get_all_keywords() == [("k", 3.0, 0.5), ("j", 2.0, 0.5), ("i", 2.0, 0.5)]
    assert merged.get_result("k") == models[1].get_result("k")
    assert merged.get_result_at("k", 5.0) == models[1].get_result_at("k", 5.0)
    assert merged.add_documents([(61.0, "k")]) == 1
