"""`duma model merge` and `deal`: the models of several servers made one, as a MIX would."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from model_making import RECORDS, config, contents, documents, loaded, made, saved, scores, trained, written

from duma.commands.model import model
from duma.models.linear_model import LabelCounts, LinearModel
from duma.models.weight_manager import WeightManager


def duma_model(*words: Any) -> Result:
    return CliRunner().invoke(model, [str(word) for word in words])


def merged(tmp_path: Path, *models: LinearModel, configuration: Any = None) -> LinearModel:
    files = [written(tmp_path / f"in{i}", model, configuration) for i, model in enumerate(models)]
    result = duma_model("merge", *files, "-o", tmp_path / "out", "--force")
    assert result.exit_code == 0, result.output
    return contents(tmp_path / "out")


def test_weights_are_means_and_covariances_the_least(tmp_path: Path) -> None:
    """The reference's example of a MIX; labels have other ids on each server."""
    first = made({b"f": {0: (0.5, 0.8)}}, labels={b"P": 0})
    second = made({b"f": {0: (-0.3, 0.6), 1: (0.3, 0.6)}}, labels={b"N": 0, b"P": 1})
    result = merged(tmp_path, first, second)
    assert result.labels == {b"P": 0, b"N": 1}
    assert result.rows == {b"f": {0: (0.4, 0.6), 1: (-0.15, 0.6)}}
    assert (result.unmixed, result.version, result.next_label_id) == ({}, 0, 2)


def test_members_share_what_was_mixed(tmp_path: Path) -> None:
    """The example's second MIX: one member has moved on from the shared cell."""
    shared = {b"f": {0: (0.4, 0.6)}}
    first = made(shared, unmixed={b"f": {0: (0.1, -0.1)}}, version=1, labels={b"P": 0})
    second = made(shared, version=1, labels={b"P": 0})
    weight, covariance = merged(tmp_path, first, second).rows[b"f"][0]
    assert weight == pytest.approx(0.45)
    assert covariance == pytest.approx(0.5)


def test_additive_methods_have_no_covariance_afterwards(tmp_path: Path) -> None:
    models = [made({b"f": {0: (float(i), 0.0)}}, labels={b"P": 0}) for i in (1, 2, 3)]
    assert merged(tmp_path, *models, made({}, labels={}), configuration=config("PA")).rows == {
        b"f": {0: (1.5, 0.0)}
    }


def test_counts_from_before_the_last_mix_are_common(tmp_path: Path) -> None:
    def member(own: int) -> LinearModel:
        return made(
            {},
            labels={b"x": 0},
            version=3,
            counts=LabelCounts({b"x": 10, b"y": 1}, {b"x": own}, 3),
            weights=WeightManager(3, diff=documents(own, f=own), master=documents(20, f=7)),
        )

    result = merged(tmp_path, member(1), member(4))
    assert result.counts == LabelCounts({}, {b"x": 15, b"y": 1}, 0)
    assert result.weights == WeightManager(0, diff=documents(25, f=12))


def test_counts_of_servers_that_never_met_are_added(tmp_path: Path) -> None:
    def server(own: int) -> LinearModel:
        return made(
            {},
            labels={b"x": 0},
            counts=LabelCounts({b"y": 1}, {b"x": own}),
            weights=WeightManager(0, diff=documents(own, f=own), master=documents(1)),
        )

    result = merged(tmp_path, server(1), server(4))
    assert result.counts.diff == {b"x": 5, b"y": 2}
    assert result.weights.diff == documents(7, f=5)


def test_members_whose_common_counts_differ(tmp_path: Path) -> None:
    files = [
        written(tmp_path / f"in{n}", made({}, labels={}, version=1, counts=LabelCounts({b"x": n}, {}, 1)))
        for n in (2, 3)
    ]
    result = duma_model("merge", *files, "-o", tmp_path / "out")
    assert "caution: the label counts before the last MIX differ; the larger ones are taken" in result.stdout
    assert contents(tmp_path / "out").counts.diff == {b"x": 3}


def test_a_member_that_missed_a_mix_is_left_out(tmp_path: Path) -> None:
    old = written(tmp_path / "old", made({b"f": {0: (5.0, 1.0)}}, labels={b"x": 0}, version=1))
    new = written(tmp_path / "new", made({b"f": {0: (1.0, 1.0)}}, labels={b"x": 0}, version=2))
    result = duma_model("merge", old, new, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"lost: what {old} learned since MIX version 1: others are at version 2" in result.stdout
    assert not (tmp_path / "out").exists()
    assert duma_model("merge", old, new, "-o", tmp_path / "out", "--accept-loss").exit_code == 0
    assert contents(tmp_path / "out").rows == {b"f": {0: (1.0, 1.0)}}


def test_merging_one_file_folds_what_is_unmixed(tmp_path: Path) -> None:
    member = made(
        {b"a": {4: (1.0, 0.5)}}, unmixed={b"a": {4: (0.5, -0.25)}, b"b": {4: (2.0, 0.75)}}, labels={b"x": 4}
    )
    result = merged(tmp_path, member)
    assert result.rows == {b"a": {0: (1.5, 0.25)}, b"b": {0: (2.0, 0.75)}}
    assert scores(loaded(tmp_path / "out"), {}) == {"x": 0.0}


def test_a_merged_model_answers_with_the_mean_score(tmp_path: Path) -> None:
    parts = RECORDS[:2], RECORDS[2:]
    files = [saved(tmp_path / f"{i}", config("PA"), records) for i, records in enumerate(parts)]
    assert duma_model("merge", *files, "-o", tmp_path / "out").exit_code == 0
    model = loaded(tmp_path / "out")
    answers = [scores(trained(config("PA"), records)) for records in parts]
    for label, score in scores(model).items():
        assert score == pytest.approx(sum(answer.get(label, 0) for answer in answers) / 2)
    assert model.get_labels() == {"ham": 1, "spam": 2}


@pytest.mark.parametrize("method", ["AROW", "PA"])
@pytest.mark.parametrize("unlearner", ["lru", "random"])
def test_unlearners_know_the_most_recent_labels_of_all(tmp_path: Path, method: str, unlearner: str) -> None:
    configuration = config(method, unlearner=unlearner, unlearner_parameter={"max_size": 3})
    files = [
        saved(tmp_path / name, configuration, [(label, {"n": float(i + 1)}) for i, label in enumerate(name)])
        for name in ("ab", "bc", "d")
    ]
    result = duma_model("merge", *files, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "lost: 1 labels with their weights, as the unlearner's max_size is 3: a" in result.stdout
    assert duma_model("merge", *files, "-o", tmp_path / "out", "--accept-loss").exit_code == 0
    assert sorted(loaded(tmp_path / "out").get_labels()) == ["b", "c", "d"]


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    a, b = saved(tmp_path / "a", config()), saved(tmp_path / "b", config("PA"))
    other = written(tmp_path / "c", b"\x92\x01\x90", {"window_size": 1}, "dreamer")
    for files, text in (
        ([a, b], f"{b} has another configuration than {a}: convert one of them first"),
        ([a, other], f"{other} is a model of dreamer, but {a} of classifier"),
        ([a, a], f"{a} is given twice"),
        ([other], "models of the engine 'dreamer' cannot be looked into"),
    ):
        result = duma_model("merge", *files, "-o", tmp_path / "out")
        assert result.exit_code == 2
        assert text in result.stderr
    assert not (tmp_path / "out").exists()


def test_dealing_to_another_number_of_servers(tmp_path: Path) -> None:
    files = [
        saved(tmp_path / f"{i}", config(), records) for i, records in enumerate((RECORDS[:2], RECORDS[2:]))
    ]
    folder = tmp_path / "new"
    folder.mkdir()
    words = ["--servers", "10.0.0.1:9199, 10.0.0.2:9199,10.0.0.2:9200", "-o", folder, "--id", "m", "--json"]
    result = duma_model("deal", *files, *words)
    assert result.exit_code == 0
    names = [f"10.0.0.{server}_classifier_m.jubatus" for server in ("1_9199", "2_9199", "2_9200")]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert json.loads(result.stdout)["written"] == [str(folder / name) for name in names]
    duma_model("merge", *files, "-o", tmp_path / "merged")
    alone = contents(tmp_path / "merged")
    for name in names:
        dealt = contents(folder / name)
        assert dealt.rows == alone.rows
        # What all of them have is what they have in common: a MIX must not add it up.
        assert dealt.counts == LabelCounts(alone.counts.diff, {}, 1)
        assert (dealt.version, dealt.weights.version, dealt.unmixed) == (1, 1, {})
        assert scores(loaded(folder / name)) == scores(loaded(tmp_path / "merged"))
    # And merging them again gives the same.
    assert duma_model("merge", *folder.iterdir(), "-o", tmp_path / "again").exit_code == 0
    assert duma_model("diff", tmp_path / "merged", tmp_path / "again", "--tolerance", "1e-12").exit_code == 0


@pytest.mark.parametrize(
    ("servers", "text"),
    [
        ("localhost", "'localhost' is not host:port"),
        ("a:0", "'a:0' is not host:port"),
        ("a:1,", "'' is not host:port"),
        ("../a:1", "'../a:1' is not host:port"),
        ("a:1,a:1", "a server stands there twice"),
    ],
)
def test_wrong_servers(tmp_path: Path, servers: str, text: str) -> None:
    result = duma_model("deal", saved(tmp_path / "m", config()), "--servers", servers, "-o", tmp_path)
    assert result.exit_code == 2
    assert text in " ".join(result.stderr.split())


def test_dealt_files_replace_nothing_unasked(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", config())
    taken = tmp_path / "h_1_classifier_m.jubatus"
    taken.write_text("something")
    words = ["deal", path, "--servers", "h:2,h:1", "-o", tmp_path]
    result = duma_model(*words)
    assert result.exit_code == 2
    assert f"{taken} exists" in result.stderr
    assert taken.read_text() == "something"
    assert not (tmp_path / "h_2_classifier_m.jubatus").exists()
    assert duma_model(*words, "--force").exit_code == 0
    result = duma_model("deal", path, "--servers", "h:2", "-o", tmp_path, "--id", "../m")
    assert result.exit_code == 2
    assert "model ID contains invalid character" in result.stderr
