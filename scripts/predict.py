"""Say what is heard in sound files, with a trained network or an ensemble of them.

    python scripts/predict.py outputs/augmented-0123456789/seed42/fold1 dog.wav recordings/
    cat dog.wav | python scripts/predict.py best.ckpt - --json

CHECKPOINT is a checkpoint, a run's folder, or the folder of its folds or seeds, which are one
ensemble. Sounds may be of any format that libsndfile reads, any rate and length; "-" is a sound on
standard input. Long ones are cut into overlapping windows, and get a timeline.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from esc50.deploy.arguments import add_device, add_threshold, checkpoint_parser, parse
from esc50.errors import UserError, exit_on_error, printable

if TYPE_CHECKING:
    from esc50.deploy.prediction import Prediction
    from esc50.deploy.predictor import Predictor
    from esc50.deploy.sounds import Sound

SOON = 64  # windows: fewer are done before a progress bar is read


def main(argv: list[str] | None = None) -> None:
    """Print predictions; exit status 1 where a sound could not be read, after all others."""
    with exit_on_error():
        args = parse(_parser(), argv)
        with tempfile.NamedTemporaryFile(prefix="esc50-") as spool:
            failed = _predict(args, Path(spool.name))
        if failed:
            raise UserError(f"{failed} of the sounds could not be read, see above")


def _parser() -> argparse.ArgumentParser:
    parser = checkpoint_parser(__doc__)
    parser.add_argument("sounds", nargs="+", metavar="FILE_OR_FOLDER")
    parser.add_argument(
        "--top", type=int, default=3, metavar="K", help="classes shown (default: %(default)s)"
    )
    parser.add_argument(
        "--hop",
        type=float,
        metavar="SECONDS",
        help="from one window of a long sound to the next (default: half a window)",
    )
    add_threshold(parser)
    add_device(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a JSON object per sound, on a line each")
    form.add_argument("--csv", action="store_true", help="a row per window, all probabilities")
    form.add_argument(
        "--audacity", action="store_true", help="a label track for Audacity, of one sound"
    )
    form.add_argument("--wide", action="store_true", help="all columns, however narrow the screen")
    return parser


def _predict(args: argparse.Namespace, spool: Path) -> int:
    """Predict and print; returns how many sounds could not be read."""
    from esc50.data.progress_bar import progress_bar
    from esc50.deploy.formats import remark_lines
    from esc50.deploy.predictor import load

    if args.top < 1:
        raise UserError(f"--top {args.top} is invalid: at least 1")
    model = load(args.checkpoint, args.device, args.trust)
    if args.threshold is not None:
        model.threshold = args.threshold
    hop = model.check_hop(args.hop)
    failed: list[UserError] = []
    sounds = [one for name in args.sounds for one in _sounds(name, failed, spool)]
    if args.audacity and len(sounds) > 1:
        raise UserError(f"a label track is of one sound, these are {len(sounds)}: give one file")
    if not sounds:
        raise UserError("nothing to predict in, see above")
    total = sum(sound.count(model.front_end.spec, hop) for sound in sounds)
    bar = progress_bar("windows", total) if total > SOON else nullcontext(lambda _: None)
    with bar as advance:  # which catches what is printed meanwhile
        answers = model.predict_each(sounds, hop, advance)
        made = list(_readable(answers, failed, spool))
    if made:
        _print(args, model, made)
        for line in remark_lines(made):
            print(f"remark: {line}", file=sys.stderr)
    return len(failed)


def _sounds(name: str, failed: list[UserError], spool: Path) -> list["Sound"]:
    """List what an argument means; "-" is kept in `spool`, since a pipe cannot be searched."""
    from esc50.deploy.sounds import Sound, sounds_in

    if name == "-":
        with spool.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        return [Sound("standard input", spool)]
    try:
        return sounds_in(Path(name))
    except UserError as error:
        _skip(error, failed, spool)
        return []


def _readable(
    answers: Iterable["Prediction | UserError"], failed: list[UserError], spool: Path
) -> Iterator["Prediction"]:
    """Pass on predictions; name what could not be read."""
    for answer in answers:
        if isinstance(answer, UserError):
            _skip(answer, failed, spool)
        else:
            yield answer


def _skip(error: UserError, failed: list[UserError], spool: Path) -> None:
    failed.append(error)
    why = printable(str(error).replace(str(spool), "standard input"), keep="")
    print(f"skipped: {why}", file=sys.stderr)


def _print(args: argparse.Namespace, model: "Predictor", made: list["Prediction"]) -> None:
    from esc50.deploy import formats
    from esc50.deploy.checkpoints import describe, describe_threshold
    from esc50.results.display.layout import show_table

    if args.json:
        print("\n".join(map(formats.as_json, made)))
    elif args.csv:
        formats.write_csv(made, model.classes, sys.stdout)
    elif args.audacity:
        print("".join(map(formats.as_labels, made)), end="")
    else:
        note = describe_threshold(model.members) if args.threshold is None else ""
        show_table(formats.summary_table(made, args.top, describe(model.members), note), args.wide)
        for one in made:
            if len(one.spans) > 1:
                print()
                show_table(formats.timeline_table(one), args.wide)


if __name__ == "__main__":
    main()
