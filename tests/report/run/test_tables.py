from esc50.report.run import tables as run_tables
from esc50.report.run.scores import by_class
from esc50.report.run.subject import find_subject
from esc50.results.statistics import clustered_wilson


def test_the_facts_of_a_leaky_run_are_labelled(tmp_path, make_run):
    subject = find_subject(make_run(tmp_path / "run", leaky=True, synthetic=True))
    facts = dict(map(tuple, run_tables.facts(subject, 0.5).rows))
    tests = subject.tests
    low, high = clustered_wilson(tests.correct, tests.clips, tests.sources)
    accuracy = f"{tests.correct.mean():.2%} LEAKY, 95% interval {low:.2%} to {high:.2%} LEAKY"
    assert run_tables.headline(subject) == accuracy and "test accuracy" not in facts
    assert facts["simple baseline"] == "50.00% LEAKY" and facts["chance"].startswith("20.00%")
    assert facts["leaks"].startswith("LEAKY: ") and facts["sound"] == "synthetic sound"
    assert facts["tested"] == "60 tests of 60 clips of 30 recordings"
    honest = run_tables.facts(find_subject(make_run(tmp_path / "honest")), None)
    assert "LEAKY" not in str(honest) and ["simple baseline", "not at hand"] in honest.rows


def test_tables_say_leaky_in_their_columns(tmp_path, make_run):
    for fold in (1, 2):
        make_run(tmp_path / f"fold{fold}", fold, leaky=True, skill=1.0)
    subject = find_subject(tmp_path)
    rows = by_class(subject.tests)
    tables = [
        run_tables.classes(rows, True),
        run_tables.categories(subject),
        run_tables.confused(subject.tests, True),
        run_tables.runs(subject),
    ]
    for table in tables:
        assert any("LEAKY" in column for column in table.columns)
        assert all(len(row) == len(table.columns) for row in table.rows)
    label, total, *over = tables[3].rows[-1]
    assert (label, total) == ("mean ± standard deviation", "120")
    assert all("±" in cell for cell in over[:2])  # accuracy and macro F1


def test_energy_is_said_where_every_run_has_it(tmp_path, make_run):
    for fold, joules in ((1, 7200), (2, 3600)):
        make_run(tmp_path / f"fold{fold}", fold, joules_fit=joules)
    rows = dict(map(tuple, run_tables.origin(find_subject(tmp_path)).rows))
    assert rows["energy of training"].startswith("3.00 Wh")
    make_run(tmp_path / "fold3", 3)
    rows = dict(map(tuple, run_tables.origin(find_subject(tmp_path)).rows))
    assert "energy of training" not in rows


def test_what_a_run_sets_otherwise_is_listed(tiny_run, tmp_path, make_run):
    table = run_tables.differences(find_subject(tiny_run))
    assert ["trainer.max_epochs", "2", "100"] in [row for row in table.rows] or any(
        row[0] == "trainer.max_epochs" and row[1] == "2" for row in table.rows
    )
    assert "gone" in run_tables.differences(find_subject(make_run(tmp_path / "run")))
