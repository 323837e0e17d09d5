"""Say what is heard while it sounds: a line whenever the answer changes.

    python scripts/listen.py best.ckpt
    ffmpeg -i rtsp://... -f s16le -ar 44100 -ac 1 - | python scripts/listen.py best.ckpt --raw

CHECKPOINT is a checkpoint, a run's folder, or the folder of its folds or seeds, which are one
ensemble. It reads a microphone (which needs the extra `listen`), or with --raw samples from a pipe.
"""

import argparse
import json
import sys

from esc50.deploy.arguments import add_device, add_threshold, checkpoint_parser, parse
from esc50.errors import UserError, exit_on_error

INTERRUPTED = 130  # what a shell reports of a program that Ctrl-C ended


def main(argv: list[str] | None = None) -> None:
    """Print answers until the sound ends, or Ctrl-C."""
    with exit_on_error():
        args = parse(_parser(), argv)
        try:
            _listen(args)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)


def _parser() -> argparse.ArgumentParser:
    parser = checkpoint_parser(__doc__)
    parser.add_argument("--raw", action="store_true", help="samples from a pipe, without a header")
    parser.add_argument(
        "--rate", type=int, metavar="HZ", help="of the samples (default: that of the training)"
    )
    parser.add_argument(
        "--dtype",
        default="int16",
        choices=("int16", "int32", "float32"),
        help="of raw samples (default: %(default)s)",
    )
    parser.add_argument(
        "--channels", type=int, default=1, metavar="N", help="of raw samples (default: 1)"
    )
    parser.add_argument("--microphone", metavar="NAME", help="a part of its name, or its number")
    parser.add_argument(
        "--hop",
        type=float,
        metavar="SECONDS",
        help="from one window to the next (default: a tenth of a window)",
    )
    add_threshold(parser)
    parser.add_argument("--json", action="store_true", help="a JSON object per line")
    add_device(parser)
    return parser


def _listen(args: argparse.Namespace) -> None:
    from esc50.deploy.formats import clock
    from esc50.deploy.listening import listen, microphone_blocks, raw_blocks
    from esc50.deploy.prediction import told
    from esc50.deploy.predictor import load

    model = load(args.checkpoint, args.device, args.trust)
    if args.threshold is not None:
        model.threshold = args.threshold
    rate = args.rate or model.front_end.spec.sample_rate
    if rate < 1 or args.channels < 1:
        raise UserError("--rate and --channels must be at least 1")
    if args.raw:
        blocks = raw_blocks(sys.stdin.buffer, rate, args.dtype, args.channels)
    else:
        blocks = microphone_blocks(rate, args.microphone)
    hop = model.seconds / 10 if args.hop is None else args.hop
    print(f"listening; the first answer comes after {model.seconds:g} s", file=sys.stderr)
    for event in listen(model, blocks, rate, hop):
        if args.json:
            answer = {
                "start": event.start,
                "answer": event.label,
                "best": event.best,
                "probability": event.probability,
            }
            print(json.dumps(answer), flush=True)
        else:
            said = told(event.label, event.best, f"{event.probability:.0%}")
            print(f"{clock(event.start)}  {said}", flush=True)


if __name__ == "__main__":
    main()
