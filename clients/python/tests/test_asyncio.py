"""The client for asyncio, which shares all but the I/O with the blocking one."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any, Awaitable, Callable, List

import pytest
import redis.asyncio
from messages import fill, some
from servers import Server

import qadmin
import qadmin.asyncio

Test = Callable[[qadmin.asyncio.Client], Awaitable[None]]


@pytest.fixture(params=[(2, False), (3, True)], ids=str)
def run(clean: Server, request: Any) -> Callable[[Test], None]:
    protocol, decode = request.param

    def run(test: Test) -> None:
        async def whole() -> None:
            options: Any = {"port": clean.port, "protocol": protocol, "decode_responses": decode}
            async with redis.asyncio.Redis(**options) as connection:
                await test(qadmin.asyncio.Client(connection))

        asyncio.run(whole())

    return run


def test_a_job_is_awaited(run: Any, clean: Server) -> None:
    fill(clean.connect(), "celery", some(30))

    async def test(client: qadmin.asyncio.Client) -> None:
        assert (await client.preview("celery", kwargs__account=3)).match_count == 3
        job = await client.clear("celery", kwargs__account=3, mode="all", confirm="celery")
        assert job.started is not None
        end = await job
        assert (end.status, end.deleted) == ("completed", 3)
        assert await job.status() == end == await client.job(job.id).wait()
        with pytest.raises(qadmin.JobNotFound):
            await client.status("00000000-0000-4000-8000-000000000000")

    run(test)


def test_fields_and_messages_are_shown(run: Any, clean: Server) -> None:
    texts = some(5)
    fill(clean.connect(), "celery", texts)
    task_id = json.loads(texts[2])["headers"]["id"]

    async def test(client: qadmin.asyncio.Client) -> None:
        assert "kwargs.account" in [field.name for field in (await client.fields("celery")).fields]
        assert (await client.show("celery", task_id)).element == texts[2].encode()
        with pytest.raises(qadmin.MessageNotFound):
            await client.show("celery", "none")

    run(test)


def test_progress_is_told_to_functions_and_coroutines(run: Any, clean: Server) -> None:
    fill(clean.connect(), "celery", some(80))
    told: List[qadmin.Status] = []

    async def tell(status: qadmin.Status) -> None:
        await asyncio.sleep(0)
        told.append(status)

    async def test(client: qadmin.asyncio.Client) -> None:
        job = await client.clear("celery", task="app.send", mode="all", rate=1, confirm="celery")
        seen = []
        async for status in job.progress(interval=0.02):
            seen.append(status)
            if len(seen) == 3:
                await job.throttle(rate=0)
        assert seen[-1].status == "completed"
        assert len(seen) > 3
        assert await job.wait(on_progress=tell) == told[-1]
        assert await job.wait(on_progress=told.append) == told[-1]
        assert [status.status async for status in job] == ["completed"]

    run(test)


def test_jobs_are_controlled(run: Any, clean: Server) -> None:
    fill(clean.connect(), "celery", some(200))

    async def test(client: qadmin.asyncio.Client) -> None:
        job = await client.clear("celery", task="app.send", mode="all", rate=1, confirm="celery")
        assert (await job.pause()).status == "paused"
        assert (await job.resume()).status in ("running", "pending")
        assert (await job.throttle(duty=20)).duty == 20
        with pytest.raises(qadmin.WaitTimeout):
            await job.wait(timeout=0.02)
        # Cancelling a task that waits leaves the job, and the connection, as they are.
        waiting = asyncio.ensure_future(job.wait())
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not (await job.status()).ended
        assert (await job.cancel()).cancel_requested
        with pytest.raises(qadmin.JobCancelled):
            await job

    run(test)


def test_deep_queues_are_waited_for(run: Any, clean: Server) -> None:
    fill(clean.connect(), "celery", some(40))
    clean.connect().config_set("qadmin.inline-limit", 0)

    async def test(client: qadmin.asyncio.Client) -> None:
        assert (await client.preview("celery", kwargs__account=2, wait=True)).match_count == 4
        assert (await client.stats("celery", "task", wait=True)).matched == 40
        assert (await client.queues()).queues[0].depth == 40
        assert {row.kind for row in await client.jobs(count=2)} == {"preview", "stats"}

    run(test)


def test_both_clients_have_the_same_methods() -> None:
    for blocking, other in ((qadmin.Client, qadmin.asyncio.Client), (qadmin.Job, qadmin.asyncio.Job)):
        names = {name for name in dir(blocking) if not name.startswith("_")}
        assert names == {name for name in dir(other) if not name.startswith("_")}
        for name in names:
            assert inspect.getdoc(getattr(blocking, name)), f"{blocking.__name__}.{name} has no documentation"


def test_methods_have_the_signature_of_their_operation() -> None:
    client = qadmin.Client(None)  # type: ignore[arg-type]
    assert list(inspect.signature(client.status).parameters) == ["job_id", "queue"]
    assert inspect.getdoc(client.clear) == inspect.getdoc(qadmin.asyncio.Client.clear)
    assert client.preview.__name__ == "preview"
