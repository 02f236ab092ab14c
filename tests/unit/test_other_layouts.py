"""`duma model` on the files of the regression and the weight engine."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import duma
from duma.commands.model import model
from duma.embedded import embedded_class

IDF = {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}
NUM = {"key": "*", "type": "num"}


def duma_model(*words: Any) -> Result:
    return CliRunner().invoke(model, [str(word) for word in words])


def regression(method: str, string_rules: Any = (IDF,), **parameter: Any) -> Any:
    converter = {"string_rules": list(string_rules), "num_rules": [NUM]}
    return {"method": method, "parameter": parameter, "converter": converter}


def weight(*string_rules: Any) -> Any:
    return {"converter": {"string_rules": list(string_rules), "num_rules": [NUM]}}


PA = regression("PA", sensitivity=0.125)


def taught(config: Any, first: int = 0) -> Any:
    """A regression that has learned twenty records, beginning with the `first`."""
    made = duma.Regression(config)
    made.train([(n / 3, duma.Datum({"t": f"w{n} sea", "n": n / 10})) for n in range(first, first + 20)])
    return made


def counted(config: Any, *texts: str) -> Any:
    made = duma.Weight(config)
    for text in texts:
        made.update(duma.Datum({"t": text}))
    return made


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


QUERY = [duma.Datum({"t": "w3 w25 sea", "n": 0.5})]


def test_inspecting_a_regression(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", taught(PA))
    found = json.loads(duma_model("inspect", path, "--json", "--top", 3).stdout)["model"]
    (label,) = found["labels"]
    assert (found["method"], found["documents"], label["label"], label["trained"]) == ("PA", 20, "+", None)
    assert len(label["largest"]) == 3
    assert "largest features" in duma_model("inspect", path).output


def test_a_regression_under_another_method(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", taught(PA))
    wanted = regression("AROW", sensitivity=0.5, regularization_weight=1.0)
    done = duma_model("convert", path, "--config", write(tmp_path / "c", wanted), "-o", tmp_path / "out")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "sensitivity: 0.125 becomes 0.5" in done.output
    assert "covariances, which PA does not have, are 1" in done.output
    converted = loaded(tmp_path / "out", "regression", wanted)
    assert converted.estimate(QUERY) == taught(PA).estimate(QUERY)
    before = converted.estimate(QUERY)
    converted.train([(90.0, QUERY[0])])
    assert converted.estimate(QUERY) > before


def test_a_regression_without_a_rule_loses_its_features(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", taught(PA))
    config = write(tmp_path / "c", regression("PA", (), sensitivity=0.125))
    refused = duma_model("convert", path, "--config", config, "-o", tmp_path / "out")
    assert refused.exit_code == 1
    assert "features" in refused.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["merge", "deal"])
def test_regressions_become_one(command: str, tmp_path: Path) -> None:
    models = [taught(PA), taught(PA, 20)]
    paths = [saved(tmp_path / f"m{n}", one) for n, one in enumerate(models)]
    output = ["-o", tmp_path / "out"]
    if command == "deal":
        output = ["-o", tmp_path, "--servers", "127.0.0.1:9199", "--id", "all"]
    done = duma_model(command, *paths, *output, "--json")
    assert done.exit_code == 0, done.output
    merged = loaded(Path(json.loads(done.stdout)["written"][0]), "regression", PA)
    shared = [duma.Datum({"n": 1.0})]
    mean = sum(one.estimate(shared)[0] for one in models) / 2
    assert merged.estimate(shared) == [pytest.approx(mean)]


def test_differences_of_regressions(tmp_path: Path) -> None:
    a, b = saved(tmp_path / "a", taught(PA)), saved(tmp_path / "b", taught(PA, 1))
    assert duma_model("diff", a, saved(tmp_path / "c", taught(PA))).exit_code == 0
    different = duma_model("diff", a, b)
    assert (different.exit_code, "largest differences" in different.output) == (1, True)


def test_looking_into_statistics(tmp_path: Path) -> None:
    path = saved(tmp_path / "m", counted(weight(IDF), "sea deep", "sea"))
    found = json.loads(duma_model("inspect", path, "--json", "--top", 1).stdout)["model"]
    assert found["most_frequent"] == {"t$sea@space#tf/idf": 2.0}
    assert (found["documents"], found["document_frequencies"]) == (2, 2)
    other = saved(tmp_path / "o", counted(weight(IDF), "sea deep"))
    assert duma_model("diff", path, path).exit_code == 0
    different = duma_model("diff", path, other)
    assert (different.exit_code, "differing_frequencies" in different.output) == (1, True)


def test_statistics_under_another_converter(tmp_path: Path) -> None:
    bm25 = IDF | {"global_weight": "bm25"}
    path = saved(tmp_path / "m", counted(weight(IDF, bm25), "sea deep", "sea"))
    words = ["convert", path, "--config", write(tmp_path / "c", weight(IDF)), "-o", tmp_path / "out"]
    assert duma_model(*words).exit_code == 1
    assert duma_model(*words, "--accept-loss").exit_code == 0
    status = loaded(tmp_path / "out", "weight", weight(IDF)).status()
    assert (status["diff_document_count"], status["diff_num_document_frequencies"]) == ("2", "2")
    assert status["diff_num_group_frequencies"] == "1"  # of the two that there were


def test_statistics_of_several_servers_become_one(tmp_path: Path) -> None:
    config, texts = weight(IDF), ("sea deep", "sea", "deep blue")
    paths = [saved(tmp_path / str(n), counted(config, text)) for n, text in enumerate(texts)]
    assert duma_model("merge", *paths, "-o", tmp_path / "out").exit_code == 0
    whole = counted(config, *texts)
    merged = loaded(tmp_path / "out", "weight", config)
    assert merged.status() == whole.status()
    assert merged.calc_weight(QUERY[0]) == whole.calc_weight(QUERY[0])
