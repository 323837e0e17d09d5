import re
import subprocess
import sys
import venv

import pytest

from esc50.deploy.export import runtimes
from esc50.deploy.predictor import load
from scripts.export import main
from tests.conftest import REPOSITORY


def refusal(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert end.value.code == 2
    return capsys.readouterr().err


@pytest.fixture(scope="module")
def exported(tiny_run, tmp_path_factory):
    """The folder of an ONNX export of a real run."""
    pytest.importorskip("onnxscript")
    folder = tmp_path_factory.mktemp("export")
    main([str(tiny_run), "--onnx", "--int8", "--output", str(folder)])
    return folder


@pytest.mark.slow
def test_a_run_is_exported_and_says_how_it_was_checked(tiny_run, tmp_path, capsys):
    main([str(tiny_run / "checkpoints" / "best.ckpt"), "--output", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"model\.onnx, on 10 clips: probabilities within \d\.\de-0[5-9], 0 answers changed, "
        r"accuracy [\d.]+%",
        lines[-2],
    )
    assert lines[-1] == f"everything is in {tmp_path}"
    assert {path.name for path in tmp_path.iterdir()} == {"model.onnx", "README.md"}


def example(card):
    return re.search(r"```python\n(.*?)```", card.read_text(), re.S)[1]


def test_the_documentation_has_the_example_of_the_card(exported):
    for page in ("README.md", "docs/how-to/export.md"):
        assert example(exported / "README.md") in (REPOSITORY / page).read_text()


@pytest.mark.slow
def test_it_computes_where_neither_torch_nor_this_package_is(exported, tiny_run, tiny, tmp_path):
    """The example of the model card, in an environment of its own."""
    code = example(exported / "README.md")
    (exported / "classify.py").write_text(code)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "onnxruntime", "numpy", "soundfile"]
    if subprocess.run(install, capture_output=True).returncode:
        pytest.skip("no network to install onnxruntime from")
    assert subprocess.run([python, "-c", "import torch"], capture_output=True).returncode
    clip = next((tiny / "audio").iterdir())
    done = subprocess.run(
        [python, "classify.py", clip], cwd=exported, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    probability, best = done.stdout.splitlines()[0].split()
    (expected, expected_probability), *_ = load(tiny_run, "cpu").predict(clip).top(1)
    assert best == expected and abs(float(probability) - expected_probability) < 0.02


def test_a_checkpoint_that_is_not_one_is_a_sentence(tmp_path, capsys):
    (tmp_path / "a.ckpt").write_text("text")
    assert "is not a checkpoint that this package wrote" in refusal(capsys, tmp_path / "a.ckpt")
    assert "is no file" in refusal(capsys, tmp_path / "none.ckpt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.ckpt"]


def test_without_the_extra_the_command_that_installs_it_is_named(
    tiny_run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(runtimes, "find_spec", lambda name: None if name == "onnxscript" else name)
    says = refusal(capsys, tiny_run, "--onnx", "--output", tmp_path / "export")
    assert "need onnxscript: pip install 'esc50[export]'" in says
    assert not (tmp_path / "export").exists()


def test_int8_needs_clips_of_the_training(tiny_run, tiny, capsys):
    says = refusal(capsys, tiny_run, "--int8", "--clips", tiny)
    assert "--int8 needs clips that were trained on" in says


def test_a_data_set_that_moved_is_asked_for(tiny_run, tmp_path, capsys):
    says = refusal(capsys, tiny_run, "--data-root", tmp_path / "moved")
    assert "say where they are with --data-root" in says


def test_help_needs_no_torch():
    program = (
        "import sys; sys.argv = ['export.py', '--help']; import runpy\n"
        "try: runpy.run_path('scripts/export.py', run_name='__main__')\n"
        "except SystemExit: sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY).returncode == 0
