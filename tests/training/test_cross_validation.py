import json
import shutil

import pytest

from esc50.errors import UserError
from esc50.training.cross_validation import cross_validate


def test_the_mean_over_the_folds_is_returned_and_the_folds_are_summarised(config, tmp_path):
    cfg = config("trainer.max_epochs=1", "monitor=val/acc", "split.fold=all")
    mean = cross_validate(cfg, tmp_path / "all")
    results = [
        json.loads((tmp_path / "all" / f"fold{fold}" / "results.json").read_text())
        for fold in range(1, 6)
    ]
    assert mean == pytest.approx(sum(result["val/acc"] for result in results) / 5)
    summary = json.loads((tmp_path / "all" / "summary.json").read_text())
    assert summary["complete"]
    assert summary["test/acc_folds"] == [result["test/acc"] for result in results]
    assert cfg.split.fold == "all"  # the caller's own config is left as it was


@pytest.mark.slow
def test_folds_are_the_tables_and_those_that_fail_are_named_when_the_others_are_done(
    config, tiny, tmp_path
):
    root = tmp_path / "data"
    shutil.copytree(tiny, root)
    table = root / "meta" / "esc50.csv"
    kept = [line for line in table.read_text().splitlines() if not line.startswith("2-")]
    table.write_text("\n".join(kept).replace(",5,", ",12,") + "\n")
    (tmp_path / "all").mkdir()
    for fold in (4, 12):
        (tmp_path / "all" / f"fold{fold}").touch()  # where their folders should be
    settings = ["split=literature", "split.fold=all", "trainer.max_epochs=1", f"data.root={root}"]
    with pytest.raises(UserError, match=r"^fold 4, seed 42 failed \(and 1 more\): .*fold4"):
        cross_validate(config(*settings), tmp_path / "all")
    summary = json.loads((tmp_path / "all" / "summary.json").read_text())
    assert not summary["complete"] and summary["folds"] == [1, 3]
    assert set(summary["missing"]) == {"fold 4, seed 42", "fold 12, seed 42"}
