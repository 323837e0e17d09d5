from esc50.results.display.layout import show_table
from esc50.results.labels import LEAKY, SYNTHETIC
from esc50.results.recipes.summary import summarise
from esc50.results.recipes.summary_text import console_table


def test_leaky_and_synthetic_stand_wherever_a_number_does(tmp_path, make_run, capsys):
    run = make_run(tmp_path / "run", leaky=True, synthetic=True)
    summary = summarise([run], (1,), out=tmp_path / "out")
    text = (tmp_path / "out/summary.md").read_text()
    assert LEAKY in text.splitlines()[0] and SYNTHETIC in text.splitlines()[0]
    body = text[: text.index("## How it was computed")]
    header = ""
    for line in body.splitlines():
        header = line if line.startswith("|") and not header.startswith("|") else header
        header = header if line.startswith("|") else ""
        if "%" in line:
            assert "LEAKY" in line or "LEAKY" in header, line
    capsys.readouterr()
    show_table(console_table(summary), wide=True)
    shown = capsys.readouterr().out
    assert all(f"{name} LEAKY" in shown for name in ("test acc", "macro F1", "test loss"))
    assert "LEAKY" in shown[shown.index("95% interval") :]
