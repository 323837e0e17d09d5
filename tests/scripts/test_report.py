import pytest

from scripts.report import main


def test_one_run_gets_its_report_and_two_a_comparison(tmp_path, make_run, capsys):
    runs = [make_run(tmp_path / f"r{luck}", luck=luck) for luck in (0, 1)]
    main([str(runs[0])])
    assert (runs[0] / "report.html").is_file()
    page = tmp_path / "both.html"
    main([*map(str, runs), "--output", str(page)])
    assert capsys.readouterr().out.endswith(f"the comparison is {page}\n") and page.is_file()


def test_a_tilde_after_an_equals_sign_is_the_home_folder(tmp_path, make_run, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    runs = [make_run(tmp_path / f"r{luck}", luck=luck) for luck in (0, 1)]
    main([*map(str, runs), "--output=~/both.html"])
    assert (tmp_path / "both.html").is_file()


def test_a_folder_without_a_run_is_one_sentence_and_status_2(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path)])
    said = capsys.readouterr().err
    assert "no finished run to report" in said and said.count("\n") == 1
