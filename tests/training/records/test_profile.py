from esc50.training.fold import run_fold
from esc50.training.records.profile import profile_table


def test_a_profiled_run_prints_what_took_longest_and_keeps_the_whole(config, tmp_path, capsys):
    run_fold(config("trainer.profiler=simple", "trainer.max_epochs=1"), tmp_path / "run")
    out = capsys.readouterr().out
    assert "where the time of training went" in out and "run_training_epoch" in out
    assert f"the whole profile is in {tmp_path / 'run' / 'fit-profile.txt'}" in out
    whole = (tmp_path / "run" / "fit-profile.txt").read_text()
    assert "run_training_epoch" in whole and "Mean duration" in whole


def test_the_longest_stands_first():
    table = profile_table({"short": [0.1, 0.3], "long": [2.0]})
    assert table.rows == [["long", "1", "2000.0", "2.00"], ["short", "2", "200.0", "0.40"]]
