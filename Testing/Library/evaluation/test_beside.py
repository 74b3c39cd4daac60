"""What lies beside a predictions table: training log, importances, failed cases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from BreastFusionLib.errors import InputError
from BreastFusionLib.evaluation import add_what_lies_beside, evaluate_predictions, read_importance

TABLE = "case_id,label,score\n1,1,.9\n2,0,.2\n3,1,.6\n4,0,.7\n"
SHUFFLES = "Importance,Feature,Iteration\n5,age,1\n7,age,2\n6,age,3\n-1,site,1\n1,site,2\n0,site,3\n"


def test_importances_are_read_shuffle_by_shuffle(write: Callable[[str, str], Path]) -> None:
    age, site = read_importance(write("a.csv", SHUFFLES))
    assert (age.name, age.median, age.rank) == ("age", 6.0, 1.0)
    assert (site.name, site.median, site.low, site.high) == ("site", 0.0, pytest.approx(-0.95), pytest.approx(0.95))


def test_importances_are_read_from_json_too(write: Callable[[str, str], Path]) -> None:
    rows = [{"name": "site", "losses": [-1, 1, 0]}, {"name": "age", "losses": [5, 7, 6]}]
    found = read_importance(write("a.json", json.dumps({"importance": rows})))
    assert found == read_importance(write("a.csv", SHUFFLES))


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "feature,importance\nage,much\n"])
def test_a_file_without_importances_is_refused(write: Callable[[str, str], Path], text: str) -> None:
    with pytest.raises(InputError, match=r"a\.csv holds no importances .* columns feature and importance"):
        read_importance(write("a.csv", text))


def test_a_runs_folder_tells_log_importances_and_failed_cases(write: Callable[[str, str], Path]) -> None:
    paths = [write(f"{name}/predictions.csv", TABLE) for name in ("a", "b")]
    write("a/log.csv", "epoch,train_loss,validation_loss\n0,.7,.6\n1,.5,.4\n")
    write("a/failed.csv", "case_id,status,reason\n9,failed,no T2\n")
    for name in ("a", "b"):
        write(f"{name}/importance.csv", SHUFFLES)
    result = evaluate_predictions(paths, bootstrap=0)
    add_what_lies_beside(result, paths)
    assert [row["validation_loss"] for row in result["training"]["a"]] == [".6", ".4"]
    assert list(result["training"]) == ["a"]
    assert result["flow"]["a"]["failed"] == 1 and "failed" not in result["flow"]["b"]
    assert [one["name"] for one in result["importance"]["models"]["b"]] == ["age", "site"]
    assert result["importance"]["rank_product"][0] == {"name": "age", "ranks": {"a": 1.0, "b": 1.0}, "product": 1.0}


def test_importances_of_an_unknown_model_are_refused(tmp_path: Path, write: Callable[[str, str], Path]) -> None:
    path = write("fusion.csv", TABLE)
    result = evaluate_predictions([path], bootstrap=0)
    with pytest.raises(InputError, match=r"no model 'fusoin'.* Did you mean 'fusion'"):
        add_what_lies_beside(result, [path], {"fusoin": tmp_path / "a.csv"})


def test_published_importances_lie_beside_their_tables(shared_data: Path) -> None:
    path = shared_data / "uw_breast_mri_fusion_preds" / "110320_shallow-only_ls0.1_seed4.csv"
    result = evaluate_predictions([path], "y_true", "y_prob", bootstrap=0)
    add_what_lies_beside(result, [path])
    (features,) = result["importance"]["models"].values()
    # Holste et al., ICCV Workshops 2021, section 5: the indication for the scan mattered most.
    assert features[0]["name"] == "Indication" and features[0]["shuffles"] == 30
