"""What a server does not put up with: bodies too large or too slow, too many requests at once.

Nor does it compute for who does not wait.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

T = TypeVar("T")


class BodyLimits:
    """ASGI middleware that ends requests whose body is too large (413) or comes too slowly (408).

    Args:
        app: what it stands before.
        most_bytes: of a body, by its header and as counted.
        seconds: in which a body must have come.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, seconds: float) -> None:
        """Stand before `app`."""
        self.app, self.most_bytes, self.seconds = app, most_bytes, seconds
        self.too_large = f"the upload is larger than {most_bytes / 2**20:g} MiB: cut the sound"
        self.too_slow = f"the upload took longer than {seconds:g} s"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting what comes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        claimed = dict(scope["headers"]).get(b"content-length", b"0")
        if not claimed.isdigit() or int(claimed) > self.most_bytes:
            await JSONResponse({"error": self.too_large}, 413)(scope, receive, send)
            return
        await self.app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        count, complete = 0, False
        deadline = asyncio.get_running_loop().time() + self.seconds

        async def counted() -> Message:
            nonlocal count, complete
            if complete:  # what follows is the end of the connection, which may take its time
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, self.too_slow) from None
            count += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if count > self.most_bytes:
                raise HTTPException(413, self.too_large)
            return message

        return counted


class Queue:
    """Runs one computation at a time in a thread, the others wait in line.

    Args:
        longest: so many may wait; who comes then is told to come again (503).
    """

    def __init__(self, longest: int) -> None:
        """Start with nobody in line."""
        self.longest, self.waiting = longest, 0
        self._one = CapacityLimiter(1)

    async def run(self, compute: Callable[[], T]) -> T:
        """Wait in line, then compute. Raises HTTPException 503 where the line is full."""
        if self.waiting >= self.longest:
            raise HTTPException(503, "too many requests at once", {"Retry-After": "5"})
        self.waiting += 1
        try:
            return await to_thread.run_sync(compute, limiter=self._one)
        finally:
            self.waiting -= 1


@asynccontextmanager
async def departure(request: Request) -> AsyncIterator[Callable[[], bool]]:
    """Watch a client whose request has come whole; what it yields says whether the client is gone.

    It may be asked from other threads.
    """
    gone = threading.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    watching = asyncio.create_task(watch())
    try:
        yield gone.is_set
    finally:
        watching.cancel()
