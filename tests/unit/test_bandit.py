"""The bandit: Jubatus' draws and selections, regrets that the papers state, arms and players, what it saves."""

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_process import serving, write_config

import duma
from duma.engines.bandit_model import MOST_TRIALS
from duma.engines.mersenne_twister import MersenneTwister
from duma.errors import ConfigurationError, DumaError, ModelFileError

METHODS: dict[str, dict[str, float]] = {
    "epsilon_greedy": {"epsilon": 0.5},
    "epsilon_decreasing": {"decreasing_rate": 0.9},
    "softmax": {"tau": 0.5},
    "exp3": {"gamma": 0.1},
    "ucb1": {},
    "ts": {},
}


def config(method: str, *, assume_unrewarded: bool = False, seed: int | None = 0, **number: float) -> Any:
    parameter: dict[str, Any] = {"assume_unrewarded": assume_unrewarded, **(number or METHODS[method])}
    if method != "ucb1" and seed is not None:
        parameter["seed"] = seed
    return {"method": method, "parameter": parameter}


def bandit(method: str = "ucb1", arms: str = "abc", **more: Any) -> Any:
    made = duma.Bandit(config(method, **more))
    for arm in arms:
        assert made.register_arm(arm) is True
    return made


def tree(model: Any) -> Any:
    return msgpack.unpackb(b"".join(model.snapshot().chunks()), strict_map_key=False)


def adopted(model: Any, *data: Any) -> Any:
    model.adopt(model.read_model(memoryview(msgpack.packb([1, list(data)], use_bin_type=False))))
    return model


# --- draws ---


def test_draws_of_seed_0() -> None:
    uniform, below, gauss, others = (MersenneTwister(0) for _ in range(4))
    assert [uniform.uniform() for _ in range(3)] == [
        0.54881350392732475,
        0.71518936637241948,
        0.60276337607164387,
    ]
    assert [below.below(10) for _ in range(5)] == [5, 7, 6, 5, 4]
    assert [gauss.gauss() for _ in range(3)] == pytest.approx(
        [1.2315874462339094, -0.27375423029655138, 0.37814642385629843], rel=1e-15
    )
    assert [*map(others.gamma, (1, 2, 3.5)), others.beta(1, 1), others.beta(2, 3)] == pytest.approx(
        [
            3.0016504944901743,
            2.1146075602828724,
            0.96803772956876788,
            0.77843933976787327,
            0.43204187951492268,
        ],
        rel=1e-14,
    )


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_words_are_numpys(seed: int) -> None:
    np = pytest.importorskip("numpy")
    draws = MersenneTwister(seed)
    expected = np.random.RandomState(seed).random_sample(1500)
    assert [draws.uniform() for _ in range(1500)] == expected.tolist()


@pytest.mark.parametrize("shape", [0.3, 1.0, 4.5])
def test_moments_of_the_gamma_distribution(shape: float) -> None:
    draws = MersenneTwister(7)
    values = [draws.gamma(shape) for _ in range(4000)]
    assert sum(values) / 4000 == pytest.approx(shape, rel=0.06)
    assert sum((value - shape) ** 2 for value in values) / 4000 == pytest.approx(shape, rel=0.15)


def test_shapes_without_a_distribution_end() -> None:
    draws = MersenneTwister(0)
    assert (draws.gamma(0.0), draws.gamma(-1.0), draws.beta(2.0, -1.0)) == (0, 0, 1)
    assert math.isnan(draws.beta(-1.0, 0.0))
    assert math.isnan(draws.gamma(math.nan))
    assert math.isinf(draws.gamma(math.inf))
    assert draws.gamma(1e-300) >= 0


def test_a_state_brings_the_draws_back() -> None:
    draws, other = MersenneTwister(3), MersenneTwister(4)
    draws.gauss()
    other.set_state(draws.state())
    assert [other.gauss() for _ in range(700)] == [draws.gauss() for _ in range(700)]
    with pytest.raises(ValueError, match="has 3 bytes, expected 2507"):
        other.set_state(b"abc")


# --- selections ---

SELECTED = {
    "epsilon_greedy": "aaaabcbcbbbacbbb",
    "epsilon_decreasing": "abbbccbaaccbaaba",
    "softmax": "bbbbbbbbcbbbbcaa",
    "exp3": "bcbbbbbccbcbbcaa",
    "ucb1": "abcbbbbacbbbbbbb",
    "ts": "bcabbbbabbbbbbbb",
}


def play(model: Any, rounds: int) -> str:
    selected = ""
    for _ in range(rounds):
        selected += model.select_arm("p")
        model.register_reward("p", selected[-1], float(selected[-1] == "b"))
    return selected


@pytest.mark.parametrize("assume_unrewarded", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_selections_of_seed_0(method: str, assume_unrewarded: bool) -> None:
    model = bandit(method, assume_unrewarded=assume_unrewarded)
    assert play(model, 16) == SELECTED[method]
    if method == "exp3":
        assert model.get_arm_info("p")["b"].weight == pytest.approx(0.74365005116644867, rel=1e-14)


def test_weights_of_exp3() -> None:
    model = bandit("exp3", "ab")
    for expected in (0.1, 0.19569721058409492):
        assert model.register_reward("p", "a", 1.0) is True
        assert model.get_arm_info("p")["a"].weight == pytest.approx(expected, rel=1e-15)
    assert model.register_reward("p", "z", 1.0) is False


def regret(method: str, means: list[float], rounds: int, **more: Any) -> float:
    """How much less than always the best arm a method is expected to get."""
    names = "abcdefghij"[: len(means)]
    model, rewards = bandit(method, names, **more), random.Random(5)
    lost = 0.0
    for _ in range(rounds):
        arm = model.select_arm("p")
        mean = means[names.index(arm)]
        lost += max(means) - mean
        model.register_reward("p", arm, float(rewards.random() < mean))
    return lost


MEANS = [0.9, 0.6, 0.5, 0.4]
GAPS = [0.3, 0.4, 0.5]
ROUNDS = 3000


def test_regret_of_ucb1() -> None:
    """Theorem 1 of Auer, Cesa-Bianchi and Fischer (2002)."""
    bound = sum(8 * math.log(ROUNDS) / gap for gap in GAPS) + (1 + math.pi**2 / 3) * sum(GAPS)
    assert regret("ucb1", MEANS, ROUNDS) <= bound


def test_regret_of_exp3() -> None:
    """Corollary 3.2 of Auer, Cesa-Bianchi, Freund and Schapire (2002)."""
    arms = len(MEANS)
    gamma = min(1, math.sqrt(arms * math.log(arms) / ((math.e - 1) * ROUNDS)))
    bound = 2 * math.sqrt(math.e - 1) * math.sqrt(ROUNDS * arms * math.log(arms))
    assert regret("exp3", MEANS, ROUNDS, gamma=gamma) <= bound


def test_regret_of_thompson_sampling() -> None:
    """At most a few times the bound of Lai and Robbins (1985), which no method gets below in the long run."""
    lower = 0.0
    for mean, gap in zip(MEANS[1:], GAPS, strict=True):
        divergence = mean * math.log(mean / 0.9) + (1 - mean) * math.log((1 - mean) / (1 - 0.9))
        lower += gap / divergence * math.log(ROUNDS)
    assert regret("ts", MEANS, ROUNDS) <= 3 * lower


@pytest.mark.parametrize(
    ("method", "number"),
    [
        ("epsilon_greedy", {"epsilon": 0.1}),
        ("epsilon_decreasing", {"decreasing_rate": 0.9}),
        ("softmax", {"tau": 0.1}),
    ],
)
def test_others_lose_less_than_drawing_lots(method: str, number: Any) -> None:
    lots = ROUNDS * sum(GAPS) / len(MEANS)
    assert regret(method, MEANS, ROUNDS, **number) < lots / 3


def test_a_greedy_bandit_explores_as_often_as_it_should() -> None:
    model = bandit("epsilon_greedy", epsilon=0.3)
    model.register_reward("p", "b", 1.0)
    others = sum(model.select_arm("p") != "b" for _ in range(3000))
    assert others / 3000 == pytest.approx(0.3 * 2 / 3, abs=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_numbers_beyond_all_bounds(method: str) -> None:
    """Whatever is in a file, there is an answer."""
    weights = [math.inf, -math.inf, math.nan, 1e308, -1e308, 0.0]
    for first in weights:
        for second in weights:
            arms = {"a": [3, first], "b": [1, second], "c": [MOST_TRIALS, 1.0]}
            model = adopted(bandit(method), ["a", "b", "c"], {}, {"p": [0, arms]})
            assert model.select_arm("p") in "abc"
            assert model.register_reward("p", "c", 1.0) is True
            assert model.get_arm_info("p")["c"].trial_count == MOST_TRIALS


def test_the_last_arm_where_exponentials_are_beyond_doubles() -> None:
    for method in ("softmax", "exp3"):
        model = adopted(bandit(method), ["a", "b", "c"], {}, {"p": [1, {"a": [1, 1000.0]}]})
        assert {model.select_arm("p") for _ in range(20)} == {"c"}


# --- arms and players ---


def test_arms_come_and_go() -> None:
    model = bandit(arms="")
    with pytest.raises(DumaError, match=r"^arm is not registered$"):
        model.select_arm("p")
    assert model.get_arm_info("p") == {}
    assert [model.register_arm("a"), model.register_arm("a"), model.register_arm("b")] == [True, False, True]
    model.register_reward("p", "a", 2.5)
    model.register_reward("p", "b", 1.0)
    assert [model.delete_arm("a"), model.delete_arm("a"), model.delete_arm("z")] == [True, False, False]
    assert model.get_arm_info("p") == {"b": (1, 1.0)}
    assert model.register_arm("a") is True
    assert model.get_arm_info("p") == {"b": (1, 1.0), "a": (0, 0.0)}
    assert tree(model)[1] == [["b", "a"], {}, {"p": [1, {"b": [1, 1.0], "a": [0, 0.0]}]}]


def test_players() -> None:
    model = bandit(arms="ab")
    assert model.reset("p") is False
    assert model.get_arm_info("p") == {"a": (0, 0.0), "b": (0, 0.0)}
    model.register_reward("p", "a", 1.0)
    assert (model.get_arm_info("p")["a"], model.get_arm_info("q")["a"]) == ((1, 1.0), (0, 0.0))
    assert [model.reset("p"), model.reset("p")] == [True, False]
    with pytest.raises(DumaError, match=r"^arm_id is not registered: z$"):
        model.register_reward("q", "z", 1.0)
    assert model.reset("q") is True  # the failed reward made it known


@pytest.mark.parametrize("method", METHODS)
def test_a_selection_is_a_trial_only_if_it_is_assumed(method: str) -> None:
    for assume in (False, True):
        model = bandit(method, arms="a", assume_unrewarded=assume)
        assert model.select_arm("p") == "a"
        assert model.get_arm_info("p")["a"].trial_count == int(assume)
        model.register_reward("p", "a", 1.0)
        assert model.get_arm_info("p")["a"].trial_count == 1


def test_rewards_of_thompson_sampling() -> None:
    model = bandit("ts")
    for arm, reward in (("a", 0.5), ("z", math.nan), ("z", 2.0)):
        with pytest.raises(DumaError, match=r"^reward is not in \{0,1\}$"):
            model.register_reward("p", arm, reward)
    assert model.register_reward("p", "z", 1.0) is False
    assert model.reset("p") is False
    assert model.register_reward("p", "a", 1) is True


def test_clear_does_not_touch_the_draws() -> None:
    model, other = bandit("softmax"), bandit("softmax")
    assert play(model, 9) == play(other, 9)
    model.clear()
    other.reset("p")
    assert model.get_arm_info("p") == {}
    for arm in "abc":
        model.register_arm(arm)
    assert play(model, 50) == play(other, 50)


def test_draws_go_on_where_a_hidden_state_was_taken(tmp_path: Path) -> None:
    model, other = bandit("ts", seed=None), bandit("ts", seed=None)
    play(model, 5)
    assert model.hidden_state() != other.hidden_state()
    other.set_hidden_state(model.hidden_state())
    model.save(tmp_path / "m")
    other.config_text = model.config_text
    other.load(tmp_path / "m")
    assert play(other, 40) == play(model, 40)


class Simple:
    """The specification's tables, in which every arm is put in and taken out at once."""

    def __init__(self) -> None:
        self.arms: list[str] = []
        self.rows: dict[str, tuple[int, dict[str, tuple[int, float]]]] = {}

    def register(self, arm: str) -> None:
        if arm not in self.arms:
            self.arms.append(arm)
            for _, known in self.rows.values():
                known[arm] = (0, 0.0)

    def delete(self, arm: str) -> None:
        if arm in self.arms:
            self.arms.remove(arm)
            for player, (total, known) in self.rows.items():
                self.rows[player] = (total - known.pop(arm)[0], known)

    def reward(self, player: str, arm: str, reward: float) -> None:
        total, known = self.rows.setdefault(player, (0, dict.fromkeys(self.arms, (0, 0.0))))
        if arm in self.arms:
            trials, weight = known[arm]
            known[arm] = (trials + 1, weight + reward)
            self.rows[player] = (total + 1, known)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("register"), st.sampled_from("abcd")),
            st.tuples(st.just("delete"), st.sampled_from("abcd")),
            st.tuples(st.just("reward"), st.sampled_from("pq"), st.sampled_from("abcd"), st.integers(0, 3)),
            st.tuples(st.just("reset"), st.sampled_from("pq")),
        ),
        max_size=40,
    )
)
@settings(max_examples=80, deadline=None)
def test_lazy_deletion_is_deletion(calls: list[Any]) -> None:
    model, simple = bandit(arms=""), Simple()
    for name, *arguments in calls:
        if name == "reset":
            model.reset(*arguments)
            simple.rows.pop(*arguments, None)
        else:
            getattr(simple, name)(*arguments)
            try:
                getattr(model, {"reward": "register_reward"}.get(name, f"{name}_arm"))(*arguments)
            except DumaError:
                assert arguments[1] not in simple.arms
    rows = {
        player: [total, {a: [*i] for a, i in known.items()}] for player, (total, known) in simple.rows.items()
    }
    assert tree(model) == [1, [simple.arms, {}, rows]]


def test_many_arms_come_and_go() -> None:
    model = bandit(arms="a")
    model.register_reward("p", "a", 1.0)
    for n in range(3000):
        model.register_arm(f"arm{n}")
        model.register_reward("p", f"arm{n}", 1.0)
        model.delete_arm(f"arm{n}")
    assert tree(model)[1] == [["a"], {}, {"p": [1, {"a": [1, 1.0]}]}]


# --- model files ---


def test_what_is_saved() -> None:
    model = bandit(arms="a")
    model.register_reward("p", "a", 2.5)
    data = b"".join(model.snapshot().chunks())
    assert data.hex() == "9201" + "9391a1618081a170920181a1619201cb4004000000000000"


def test_a_snapshot_is_of_its_moment() -> None:
    model = bandit()
    play(model, 9)
    snapshot, expected = model.snapshot(), tree(model)
    play(model, 9)
    model.delete_arm("b")
    model.reset("p")
    assert msgpack.unpackb(b"".join(snapshot.chunks())) == expected != tree(model)


def test_both_tables_count() -> None:
    model = adopted(
        bandit(arms="z"),
        ["a", "b"],
        {"p": [5, {"a": [2, 1.0], "gone": [3, 9.0]}], "q": [1, {"b": [1, 0.5]}]},
        {"p": [1, {"a": [1, 0.25], "b": [0, 0.0]}]},
    )
    assert model.get_arm_info("p") == {"a": (3, 1.25), "b": (0, 0.0)}
    assert model.get_arm_info("q") == {"a": (0, 0.0), "b": (1, 0.5)}
    assert model.delete_arm("gone") is False
    assert tree(model)[1][1]["p"] == [2, {"a": [2, 1.0]}]
    assert model.delete_arm("a") is True
    assert tree(model)[1] == [["b"], {"p": [0, {}], "q": [1, {"b": [1, 0.5]}]}, {"p": [0, {"b": [0, 0.0]}]}]
    assert model.reset("q") is True


@pytest.mark.parametrize(
    "data",
    [
        [],
        [["a"], {}],
        [{}, {}, {}],
        [["a", "a"], {}, {}],
        [[5], {}, {}],
        [[], [], {}],
        [[], {}, {5: [0, {}]}],
        [[], {}, {"p": [0]}],
        [[], {}, {"p": [-1, {}]}],
        [[], {}, {"p": [2**31, {}]}],
        [[], {}, {"p": [0, []]}],
        [[], {}, {"p": [0, {"a": [1]}]}],
        [[], {}, {"p": [0, {"a": [1, "x"]}]}],
        [[], {}, {"p": [0, {"a": [1.5, 1.0]}]}],
    ],
)
def test_broken_user_data_are_refused(data: Any) -> None:
    with pytest.raises(ModelFileError, match=r"^user data is broken: "):
        adopted(bandit(), *data)


def test_every_broken_off_file_is_refused() -> None:
    model = bandit()
    play(model, 5)
    data = b"".join(model.snapshot().chunks())
    for end in range(len(data)):
        with pytest.raises(ModelFileError, match=r"^user data is broken: "):
            model.read_model(memoryview(data[:end]))


# --- configuration ---


def refused() -> Iterator[Any]:
    for method, name, wrong, text in (
        ("epsilon_greedy", "epsilon", (-0.1, 1.1), "0 <= epsilon <= 1"),
        ("epsilon_decreasing", "decreasing_rate", (0, 1), "0 < d < 1"),
        ("softmax", "tau", (0, -1), "0 < tau"),
        ("exp3", "gamma", (0, 1.1), "0 < gamma <= 1"),
    ):
        for value in wrong:
            yield config(method, **{name: value}), f"invalid parameter (expected: {text})"
    yield config("ts", seed=-1), "seed must be within unsigned 32 bit integer"
    yield config("softmax", seed=2**32), "seed must be within unsigned 32 bit integer"
    ucb1 = {"method": "ucb1", "parameter": {"assume_unrewarded": True, "seed": 1}}
    yield ucb1, '"seed" is not used (.parameter)'
    yield {"method": "ts", "parameter": {}}, '"assume_unrewarded" is not found (.parameter)'
    yield {"method": "ts"}, "parameter block is not specified in config"
    yield {"method": "ucb2", "parameter": {}}, "unsupported method (bandit(ucb2))"
    yield {"parameter": {}}, '"method" is not found ()'


@pytest.mark.parametrize(("wrong", "text"), [*refused()])
def test_configurations_that_are_refused(wrong: Any, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        duma.Bandit(wrong)
    assert any(text in message for message in (str(caught.value), *caught.value.messages))


def test_the_ends_of_what_is_allowed() -> None:
    for method, number in (("epsilon_greedy", 0), ("epsilon_greedy", 1), ("exp3", 1)):
        assert (
            bandit(method, seed=2**32 - 1, **{next(iter(METHODS[method])): number}).select_arm("p") in "abc"
        )


def test_served_like_jubatus(tmp_path: Path) -> None:
    path = write_config(tmp_path, config("softmax"))
    with serving(tmp_path, "-f", path, command="jubabandit") as (_, client, _):
        for arm in "abc":
            assert client.call("register_arm", arm) is True
        selected = ""
        for _ in range(16):
            selected += client.call("select_arm", "p")
            client.call("register_reward", "p", selected[-1], float(selected[-1] == "b"))
        assert selected == SELECTED["softmax"]
        assert client.call("get_arm_info", "p")["b"] == [12, 12.0]
        ((_, status),) = client.call("get_status").items()
        assert (status["update_count"], status["type"]) == ("35", "bandit")
