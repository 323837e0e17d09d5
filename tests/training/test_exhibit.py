import json

import pytest

from esc50.training.exhibit import exhibit, exhibit_table


@pytest.mark.slow
def test_published_and_honest_stand_side_by_side(tiny_overrides, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = exhibit([*tiny_overrides, "trainer.enable_progress_bar=true", "trainer.max_epochs=1"])
    said = capsys.readouterr().out.splitlines()
    assert len(said) < 80 and sum("test/acc" in line and " in " in line for line in said) == 12
    assert json.loads((tmp_path / "outputs" / "exhibit.json").read_text()).keys() == rows.keys()
    shown = rows["original + augmented"]["same_protocol"]
    assert shown["protocol"] == "published" and shown["leaky"] is True
    assert shown["n_test"] == 8
    honest = rows["original + augmented"]["official"]
    assert honest["complete"] and not honest["leaky"] and honest["folds"] == [1, 2, 3, 4, 5]
    text = (tmp_path / "outputs" / "exhibit.md").read_text()
    assert "99.33%" in text and "LEAKY" in text
    assert exhibit_table(rows).markdown() == text
