"""A page to try a model in, and its JSON endpoint."""

import shutil
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Annotated, BinaryIO

from fastapi import FastAPI, Query, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException

from esc50 import __version__
from esc50.data.tables.files import SUFFIXES
from esc50.deploy.predictor import Predictor
from esc50.deploy.serve.answer import (
    Answer,
    LimitedSound,
    TooLongError,
    UnwantedError,
    answer,
    sentence,
)
from esc50.deploy.serve.limits import BodyLimits, Queue, departure
from esc50.deploy.serve.page import BY_SERVER, read_part, render_page
from esc50.errors import UserError
from esc50.report.page import render_command

# The page loads nothing from elsewhere, and nothing that a file's name could smuggle in.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; media-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
GONE = 499  # nobody reads it; the number is that of other servers' logs
NO_FILE = "send one sound as a multipart form with a file in the field `file`: curl -F file=@a.wav"


@dataclass(frozen=True)
class Limits:
    """What a server takes.

    Attributes:
        megabytes: of a file, MiB.
        seconds: that a sound may last.
        upload_seconds: in which it must have come.
        waiting: requests in line.
        overlap: windows that a moment of a sound may lie in; five times the work of half a window.
    """

    megabytes: float = 64.0
    seconds: float = 300.0
    upload_seconds: float = 60.0
    waiting: int = 64
    overlap: int = 10


def create_app(predictor: Predictor, limits: Limits | None = None) -> FastAPI:
    """Build the server: the page at /, POST /predict, /docs and /openapi.json."""
    limits = limits or Limits()
    app = FastAPI(title="esc50", version=__version__, docs_url=None, redoc_url=None)
    queue = Queue(limits.waiting)

    @app.post("/predict", responses=REFUSALS)
    async def predict(
        request: Request,
        file: UploadFile,
        hop: Annotated[float | None, Query(description="seconds from window to window")] = None,
        spectrogram: Annotated[bool, Query(description="draw the sound too")] = False,
    ) -> Answer:
        """Tell the classes of environmental sound in a file apart."""
        try:
            hop = predictor.check_hop(hop, limits.overlap)
        except UserError as error:
            raise HTTPException(422, str(error)) from None
        async with departure(request) as gone:
            sound = LimitedSound(
                file_name(file.filename), Path(), most_seconds=limits.seconds, unwanted=gone
            )
            return await queue.run(partial(_answer, predictor, file.file, sound, hop, spectrogram))

    _add_pages(app, predictor, limits)
    _add_refusals(app)
    app.add_middleware(
        BodyLimits, most_bytes=int(limits.megabytes * 2**20), seconds=limits.upload_seconds
    )
    return app


def file_name(given: str | None) -> str:
    """Take the last part of a file's name, whatever system its sender has."""
    name = PurePosixPath(PureWindowsPath(given or "").as_posix()).name
    return "".join(letter for letter in name if letter.isprintable())[:200] or "the sound"


def _answer(
    predictor: Predictor, file: BinaryIO, sound: LimitedSound, hop: float, with_spectrogram: bool
) -> Answer:
    """Answer for an uploaded file, which lies on disk as long as this takes."""
    with TemporaryDirectory(prefix="esc50-serve-") as folder:
        suffix = Path(sound.name).suffix.lower()  # some decoders go by it
        path = Path(folder) / f"upload{suffix if suffix in SUFFIXES else ''}"
        with path.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        try:
            return answer(predictor, replace(sound, source=path), hop, with_spectrogram)
        except TooLongError as error:
            raise HTTPException(413, str(error)) from None
        except UserError as error:
            raise HTTPException(422, sentence(error, path, sound.name)) from None
        except UnwantedError:
            raise HTTPException(GONE, "the client is gone") from None


def _add_pages(app: FastAPI, predictor: Predictor, limits: Limits) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        facts = {"limits": limits, "static": "static/", "in_browser": False}
        return HTMLResponse(render_page("page.html.j2", predictor, **facts), headers=HEADERS)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        command = render_command(f"curl -F file=@dog.wav {request.base_url}predict")
        facts = {"schema": app.openapi(), "command": command}
        return HTMLResponse(render_page("docs.html.j2", predictor, **facts), headers=HEADERS)

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in BY_SERVER:
            raise HTTPException(404)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        return Response(read_part(BY_SERVER[name]), media_type=kind, headers=HEADERS)


def _refusal(says: str) -> dict:
    schema = {"type": "object", "properties": {"error": {"type": "string"}}}
    return {"description": says, "content": {"application/json": {"schema": schema}}}


REFUSALS: dict[int | str, dict] = {
    400: _refusal("the request is not one"),
    408: _refusal("the upload took too long"),
    413: _refusal("the upload is too large, or the sound too long"),
    422: _refusal("no file in the field `file`, no sound that can be read, or an invalid hop"),
    503: _refusal("too many requests at once"),
}


def _add_refusals(app: FastAPI) -> None:
    """Answer every error with `{"error": a sentence}`."""

    @app.exception_handler(HTTPException)
    async def refuse(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def refuse_request(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where, key = first["loc"][0], first["loc"][-1]
        says = NO_FILE if where == "body" else f"{key}: {first['msg']}"
        return JSONResponse({"error": says}, 422)

    @app.exception_handler(Exception)
    async def refuse_bug(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": "a fault of this server: its console says more"}, 500)
