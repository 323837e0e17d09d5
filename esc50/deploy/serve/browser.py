"""A folder that any web server can show: the page, computing in the browser of who looks at it."""

from pathlib import Path

from torch import Tensor, nn

from esc50.atomic import atomic_write, atomic_write_text
from esc50.audio.front_ends.logmel import LogMel
from esc50.deploy.export import runtimes
from esc50.deploy.export.portable import make_portable
from esc50.deploy.predictor import Predictor
from esc50.deploy.serve.page import IN_BROWSER, read_part, render_page
from esc50.errors import UserError

# Of the npm package onnxruntime-web: its interface, and the smallest of its builds.
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
MOST_SECONDS, MOST_MB = 300, 64  # of a sound that the page takes; a browser's memory is not endless


class MelPower(nn.Module):
    """Waveforms to mel power spectrograms, for the eye."""

    def __init__(self, front_end: LogMel) -> None:
        """Take over a front end."""
        super().__init__()
        self.front_end = make_portable(front_end)

    def forward(self, waveform: Tensor) -> Tensor:
        """Float32 (batch, n_samples) to (batch, n_mels, T)."""
        return self.front_end.rows(waveform)


def check_runtime(folder: Path) -> None:
    """Refuse a folder that lacks a file of onnxruntime-web. Raises UserError."""
    for name in RUNTIME:
        if not (folder / name).is_file():
            raise UserError(
                f"{folder} lacks {name}: `npm install onnxruntime-web`, then give "
                "node_modules/onnxruntime-web/dist"
            )


def write_browser_page(predictor: Predictor, model: Path, folder: Path, runtime: Path) -> None:
    """Write a folder with the page, the model and what computes it.

    Args:
        predictor: what was exported.
        model: the ONNX file that became of it.
        folder: where to, made if need be.
        runtime: the folder `dist` of the npm package onnxruntime-web.
    """
    check_runtime(runtime)
    spec = predictor.front_end.spec
    mel = runtimes.to_onnx(MelPower(LogMel(spec.log_mel)), spec.n_samples, "mel")
    limits = {"seconds": MOST_SECONDS, "megabytes": MOST_MB}
    page = render_page("page.html.j2", predictor, limits=limits, static="", in_browser=True)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_write_text(folder / "index.html", page)
    for name, template in IN_BROWSER.items():
        atomic_write_text(folder / name, read_part(template))
    binaries = {name: (runtime / name).read_bytes() for name in RUNTIME}
    binaries |= {"model.onnx": model.read_bytes(), "mel.onnx": mel}
    for name, content in binaries.items():
        with atomic_write(folder / name, "wb") as file:
            file.write(content)
