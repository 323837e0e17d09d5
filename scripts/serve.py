"""Try a trained network in the browser: drop sounds, use the microphone, or POST to /predict.

    python scripts/serve.py outputs/best-0123456789/seed1/fold1
    curl -F file=@dog.wav http://127.0.0.1:8000/predict

It is reachable from this machine alone, unless --host says otherwise, and keeps nothing on disk.
"""

import argparse
import socket
from contextlib import suppress

from esc50.deploy.arguments import add_device, checkpoint_parser, parse
from esc50.errors import UserError, exit_on_error


def main(argv: list[str] | None = None) -> None:
    """Serve until interrupted; bad input is one sentence and exit status 2."""
    with exit_on_error(status=2):
        args = parse(_parser(), argv)
        try:
            import python_multipart  # noqa: F401  # of uploads
            import uvicorn

            from esc50.deploy.serve.server import Limits, create_app
        except ModuleNotFoundError as error:
            raise UserError(f"a server needs {error.name}: pip install 'esc50[serve]'") from None
        from esc50.deploy.predictor import load

        with _bind(args.host, args.port) as listener:
            predictor = load(args.checkpoints, args.device, args.trust)
            predictor.warm_up()
            app = create_app(predictor, Limits(args.max_mb, args.max_seconds))
            host, port = listener.getsockname()[:2]
            print(f"http://{host}:{port} (Ctrl-C ends it)", flush=True)
            config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run([listener])


def _parser() -> argparse.ArgumentParser:
    parser = checkpoint_parser(__doc__, several=True)
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument(
        "--port", type=int, default=8000, help="default: %(default)s; 0: a free one"
    )
    add_device(parser)
    parser.add_argument(
        "--max-mb", type=float, default=64, metavar="MB", help="of an upload (default: %(default)s)"
    )
    parser.add_argument(
        "--max-seconds",
        type=float,
        default=300,
        metavar="S",
        help="of a sound (default: %(default)s)",
    )
    return parser


def _bind(host: str, port: int) -> socket.socket:
    """Take the port before the network is loaded."""
    try:
        return socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        raise UserError(
            f"{host}:{port} cannot be served on ({getattr(error, 'strerror', None) or error}): "
            "choose another --port, or --port 0 for a free one"
        ) from None


if __name__ == "__main__":
    main()
