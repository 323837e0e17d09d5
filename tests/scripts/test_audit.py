import subprocess
import sys

from tests.conftest import REPOSITORY


def audit(*arguments, cwd):
    command = [sys.executable, str(REPOSITORY / "scripts" / "audit.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100)


def test_official_folds_of_esc50_from_the_table_alone(esc50_table, tmp_path):
    done = audit(f"table={esc50_table}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for source in ("131943", "134049", "209698", "234879"):
        assert f"source {source}, under different classes" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_draw_by_clip_leaks_and_exits_1(esc50_table, tmp_path):
    settings = [f"table={esc50_table}", "split=random", "split.keep_sources=false", "split.fold=1"]
    done = audit(*settings, cwd=tmp_path)
    assert done.returncode == 1
    assert "LEAKY" in done.stdout.splitlines()[0] and "LEAKS source" in done.stdout


def test_a_missing_table_is_a_sentence(tmp_path):
    done = audit(f"table={tmp_path / 'none.csv'}", cwd=tmp_path)
    assert done.returncode == 1
    assert "none.csv" in done.stderr and "Traceback" not in done.stderr
