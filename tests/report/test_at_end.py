from esc50.report.at_end import report_at_end


def test_a_report_that_fails_costs_a_sentence(tmp_path, make_run, capsys):
    folder = make_run(tmp_path / "run")
    (folder / "results.json").write_text("{}")
    report_at_end(folder)
    said = capsys.readouterr().out
    assert said.startswith("the report was not written (") and said.count("\n") == 1
    assert f"python scripts/report.py {folder}" in said


def test_a_report_is_written_once_and_anew_when_there_are_more_runs(tmp_path, make_run, capsys):
    make_run(tmp_path / "fold1", 1)
    for _ in range(2):
        report_at_end(tmp_path)
    assert capsys.readouterr().out == f"the report is {tmp_path / 'report.html'}\n"
    make_run(tmp_path / "fold2", 2)
    report_at_end(tmp_path, anew=True)
    assert "made, 2 runs" in (tmp_path / "report.html").read_text()
