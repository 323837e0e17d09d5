"""Write a checkpoint as a file for other runtimes: waveforms in, probabilities out.

    python scripts/export.py outputs/best-0123456789/seed1/fold1/checkpoints/best.ckpt --onnx
    python scripts/export.py best.ckpt --onnx --int8 --data-root /path/to/ESC-50-master

Each file is checked on the clips that the run tested before it is written. Several checkpoints
become one file, which gives the mean of their probabilities.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from esc50.config.typed import typed_path
from esc50.deploy.arguments import checkpoint_parser, parse
from esc50.errors import UserError, exit_on_error

if TYPE_CHECKING:
    from esc50.deploy.export.card import Checked


def main(argv: list[str] | None = None) -> None:
    """Write what was asked for; bad input is one sentence and exit status 2."""
    with exit_on_error(status=2):
        args = parse(_parser(), argv)
        folder = args.output or _beside(args.checkpoints[0])
        for answer in _export(args, folder):
            print(answer)
        print(f"everything is in {folder}")


def _parser() -> argparse.ArgumentParser:
    parser = checkpoint_parser(__doc__, several=True)
    parser.add_argument("--onnx", action="store_true", help="model.onnx (the default)")
    parser.add_argument(
        "--int8", action="store_true", help="model.int8.onnx: the network in 8-bit integers"
    )
    parser.add_argument("--torch", action="store_true", help="model.pt2: a torch.export program")
    parser.add_argument(
        "--browser",
        type=typed_path,
        metavar="DIST",
        help="the folder browser: a page that computes by itself, with onnxruntime-web from DIST",
    )
    parser.add_argument(
        "--output", type=typed_path, metavar="FOLDER", help="default: the folder export of the run"
    )
    parser.add_argument(
        "--data-root",
        type=typed_path,
        metavar="FOLDER",
        help="where the data set of the run lies now",
    )
    parser.add_argument(
        "--clips",
        type=typed_path,
        metavar="FOLDER",
        help="check on these clips, of classes unknown",
    )
    return parser


def _beside(checkpoint: Path) -> Path:
    """The folder `export` of the run, or cross-validation, that a checkpoint is of."""
    folder = checkpoint if checkpoint.is_dir() else checkpoint.parent
    return (folder.parent if folder.name == "checkpoints" else folder) / "export"


def _export(args: argparse.Namespace, folder: Path) -> list["Checked"]:
    from esc50.deploy.export import runtimes
    from esc50.deploy.export.export import INT8, ONNX, TORCH, Exporter
    from esc50.deploy.export.run_clips import clips_to_check_on
    from esc50.deploy.predictor import load
    from esc50.deploy.serve.browser import check_runtime, write_browser_page

    wanted = [ONNX] if args.onnx or args.browser or not (args.int8 or args.torch) else []
    wanted += [name for name, on in ((INT8, args.int8), (TORCH, args.torch)) if on]
    if args.int8 and args.clips:
        raise UserError("--int8 needs clips that were trained on: give --data-root, not --clips")
    if args.browser:
        check_runtime(args.browser)
    if wanted != [TORCH]:
        runtimes.require_onnx()
    predictor = load(args.checkpoints, device="cpu", trusted=args.trust)
    clips, training = clips_to_check_on(predictor.members, args.data_root, args.clips)
    checked = Exporter(predictor, clips, training).write(folder, wanted)
    if args.browser:
        write_browser_page(predictor, folder / ONNX, folder / "browser", args.browser)
    return checked


if __name__ == "__main__":
    main()
