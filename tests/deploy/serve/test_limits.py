import asyncio
import threading

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

pytest.importorskip("fastapi")

from esc50.deploy.serve.limits import BodyLimits, Queue


async def echo_length(scope, receive, send):
    """An app that reads the whole body and says how long it was."""
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message["body"])
        more = message["more_body"]
    await PlainTextResponse(str(length))(scope, receive, send)


def request(blocks, headers=(), pause=0.0, most_bytes=10, seconds=5.0):
    """Send a body in blocks; returns status and body of the answer."""
    left, sent = list(blocks), []

    async def receive():
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": list(headers), "method": "POST"}
    asyncio.run(BodyLimits(echo_length, most_bytes, seconds)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode()


def test_a_small_body_passes():
    assert request([b"12345", b"67890"]) == (200, "10")


def test_a_large_body_is_refused_by_its_header_before_it_comes():
    status, body = request([], [(b"content-length", b"11")])
    assert status == 413 and "larger than" in body


def test_a_large_body_without_a_header_is_refused_as_it_comes():
    with pytest.raises(HTTPException) as refusal:
        request([b"12345", b"67890", b"1"])
    assert refusal.value.status_code == 413


def test_a_slow_body_is_given_up():
    with pytest.raises(HTTPException) as refusal:
        request([b"1"] * 10, pause=0.05, seconds=0.12)
    assert refusal.value.status_code == 408


def test_the_queue_computes_one_at_a_time_and_all():
    active, most, lock = 0, 0, threading.Lock()

    def compute(number):
        nonlocal active, most
        with lock:
            active += 1
            most = max(most, active)
        threading.Event().wait(0.002)
        with lock:
            active -= 1
        return number

    async def all_of_them():
        queue = Queue(longest=50)
        return await asyncio.gather(*(queue.run(lambda n=n: compute(n)) for n in range(50)))

    assert asyncio.run(all_of_them()) == list(range(50))
    assert most == 1


def test_a_full_queue_says_so():
    async def three():
        queue, gate = Queue(longest=2), threading.Event()
        two = [asyncio.create_task(queue.run(gate.wait)) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(HTTPException) as refusal:
            await queue.run(gate.wait)
        gate.set()
        await asyncio.gather(*two)
        assert await queue.run(lambda: "again") == "again"
        return refusal.value

    refusal = asyncio.run(three())
    assert refusal.status_code == 503 and refusal.headers["Retry-After"]
