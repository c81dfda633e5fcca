"""Connections that are lost between a command and its reply."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import socket
import threading
import uuid
from typing import Any, Iterator, List

import pytest
import redis
import redis.asyncio
from messages import fill, some
from redis.backoff import NoBackoff
from redis.retry import Retry
from servers import Server, eventually

import qadmin
import qadmin.asyncio
from qadmin import errors


class Proxy:
    """Forwards to a server. It closes a connection instead of forwarding a reply while `to_lose` is above 0, and counts
    the commands with `watched` in them."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.to_lose = 0
        self.watched = b"QADMIN.CLEARJOB"
        self.seen = 0
        self.queue = ""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.connections: List[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self.connections += [near, far]
            threading.Thread(target=self._serve, args=(near, far), daemon=True).start()

    def _serve(self, near: socket.socket, far: socket.socket) -> None:
        try:
            while request := near.recv(1 << 16):
                is_watched = self.watched in request
                self.seen += is_watched
                far.sendall(request)
                reply = far.recv(1 << 20)
                if is_watched and self.to_lose:
                    self.to_lose -= 1
                    break
                near.sendall(reply)
        except OSError:
            pass
        near.close()
        far.close()

    def close(self) -> None:
        for one in [self.listener, *self.connections]:
            one.close()


@pytest.fixture
def proxy(clean: Server) -> Iterator[Proxy]:
    running = Proxy(clean.port)
    # Jobs of the tests before are remembered.
    running.queue = f"q-{uuid.uuid4()}"
    fill(clean.connect(), running.queue, some(20))
    yield running
    running.close()


def connect(proxy: Proxy, **options: Any) -> Any:
    """A client that does not send anything again by itself."""
    return redis.Redis(port=proxy.port, retry=Retry(NoBackoff(), 0), **options)


def test_a_clear_whose_reply_is_lost_starts_one_job(proxy: Proxy) -> None:
    proxy.to_lose = 2
    client = qadmin.Client(connect(proxy))
    job = client.clear(proxy.queue, kwargs__account=3, mode="all", confirm=proxy.queue)
    assert proxy.seen == 3
    assert job.started is not None
    assert job.started.deduplicated
    assert job.wait().deleted == 2
    assert [row.job_id for row in client.jobs(proxy.queue)] == [job.id]


def test_two_calls_start_two_jobs(proxy: Proxy) -> None:
    client = qadmin.Client(connect(proxy))
    first, second = (client.clear(proxy.queue, kwargs__account=3, dryrun=True) for _ in range(2))
    assert first.id != second.id


def test_a_clear_that_never_gets_a_reply_says_its_id(proxy: Proxy) -> None:
    proxy.to_lose = 1_000
    client = qadmin.Client(connect(proxy))
    with pytest.raises(qadmin.StartUncertain) as uncertain:
        client.clear(proxy.queue, kwargs__account=3, mode="all", confirm=proxy.queue)
    assert isinstance(uncertain.value.__cause__, redis.ConnectionError)
    proxy.to_lose = 0
    job_id = uncertain.value.job_id
    again = client.clear(proxy.queue, kwargs__account=3, mode="all", confirm=proxy.queue, job_id=job_id)
    assert again.id == job_id
    assert again.started is not None
    assert again.started.deduplicated
    assert again.wait().deleted == 2
    assert len(client.jobs(proxy.queue)) == 1


def test_an_undo_whose_reply_is_lost_starts_one_job(proxy: Proxy) -> None:
    client = qadmin.Client(connect(proxy))
    job = client.clear(proxy.queue, kwargs__account=3, mode="all", park=True, confirm=proxy.queue)
    job.wait()
    assert job.started is not None
    proxy.watched = b"QADMIN.UNDO"
    proxy.to_lose = 1
    undo = client.undo(job.id, confirm=job.started.to)
    assert undo.wait().deleted == 2
    assert client.redis.llen(proxy.queue) == 20


def test_waiting_survives_lost_connections(proxy: Proxy) -> None:
    proxy.watched = b"QADMIN.STATUS"
    client = qadmin.Client(connect(proxy))
    job = client.clear(proxy.queue, kwargs__account=3, mode="all", confirm=proxy.queue)
    proxy.to_lose = 3
    assert job.wait().deleted == 2
    proxy.to_lose = 2
    assert [status.status for status in job] == ["completed"]
    proxy.to_lose = 1_000
    with pytest.raises(qadmin.WaitTimeout, match="no answer about job"):
        job.wait(timeout=0.1)
    impatient = qadmin.Client(client.redis, reconnect=0.1)
    with pytest.raises(redis.ConnectionError):
        impatient.job(job.id).wait()


def test_waiting_survives_lost_connections_in_asyncio(proxy: Proxy) -> None:
    async def whole() -> None:
        retry: Any = redis.asyncio.retry.Retry(NoBackoff(), 0)
        async with redis.asyncio.Redis(port=proxy.port, retry=retry) as connection:
            client = qadmin.asyncio.Client(connection)
            proxy.to_lose = 1
            job = await client.clear(proxy.queue, kwargs__account=3, mode="all", confirm=proxy.queue)
            assert job.started is not None
            assert job.started.deduplicated
            proxy.watched, proxy.to_lose = b"QADMIN.STATUS", 2
            assert (await job).deleted == 2

    asyncio.run(whole())


def test_commands_stay_below_the_time_out_of_the_connection(clean: Server) -> None:
    fill(clean.connect(), "celery", some(40))
    started = qadmin.Client(clean.connect()).clear("celery", task="app.send", mode="all", rate=40, confirm="celery")
    connection: Any = redis.Redis(port=clean.port, socket_timeout=0.3, retry=Retry(NoBackoff(), 0))
    waits: List[int] = []
    execute = connection.execute_command

    def watched(*words: Any, **options: Any) -> Any:
        waits.append(int(words[words.index(b"WAIT") + 1]))
        return execute(*words, **options)

    connection.execute_command = watched
    assert qadmin.Client(connection).job(started.id).wait().status == "completed"
    assert all(0 < wait <= 150 for wait in waits)


def test_a_restart_interrupts_a_job_that_is_waited_for_and_is_then_continued() -> None:
    server = Server("appendonly yes", "appendfsync always")
    try:
        fill(server.connect(), "celery", some(100))
        client = qadmin.Client(server.connect())
        job = client.clear("celery", task="app.send", mode="all", rate=1, confirm="celery")
        eventually("something was cleared", lambda: job.status().deleted > 0)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(job.wait)
            server.kill()
            server.start()
            with pytest.raises(qadmin.JobInterrupted) as interrupted:
                waiting.result()
        deleted = interrupted.value.status.deleted
        assert deleted > 0
        first = job.id
        continued = job.resume()
        assert (continued.continues, continued.deleted_before) == (first, deleted)
        assert job.id == continued.job_id != first
        job.throttle(rate=0)
        assert job.wait().deleted == 100 - deleted
        assert client.resume(first).job_id == job.id
        assert client.status(first).continued_by == job.id
    finally:
        server.stop()


class Scripted:
    """A client of redis-py that raises these errors, one after the other, and then answers."""

    def __init__(self, *raised: Exception) -> None:
        self.raised = list(raised)
        self.sent: List[Any] = []

    def execute_command(self, *words: Any, **_: Any) -> str:
        self.sent.append(words)
        if self.raised:
            raise self.raised.pop(0)
        job = {"job_id": "j", "queue": "q", "mode": "all", "dry_run": 0, "status": "pending"}
        return json.dumps({**job, "total_estimated": 1, "deduplicated": 0, "new_member": {"x": 1}})


def test_a_refusal_after_a_lost_reply_is_not_taken_for_certain() -> None:
    lost, replica = redis.ConnectionError("gone"), redis.ReadOnlyError("You can't write against a read only replica.")
    scripted = Scripted(lost, replica, redis.BusyLoadingError("loading"))
    job = qadmin.Client(scripted).clear("q", task="t", mode="all", confirm="q")
    assert len(scripted.sent) == 4
    assert len(set(scripted.sent)) == 1
    assert job.started is not None
    assert job.started.raw["new_member"] == {"x": 1}
    for first in (replica, redis.BusyLoadingError("loading"), redis.ResponseError("CONFIRM no")):
        scripted = Scripted(first)
        with pytest.raises(qadmin.CommandError):
            qadmin.Client(scripted).clear("q", task="t", mode="all", confirm="q")
        assert len(scripted.sent) == 1
    with pytest.raises(qadmin.ConfirmError):
        qadmin.Client(Scripted(lost, redis.ResponseError("CONFIRM no"))).clear("q", task="t", mode="all")
    with pytest.raises(qadmin.StartUncertain):
        qadmin.Client(Scripted(lost, *[replica] * 4)).clear("q", task="t", mode="all", confirm="q")


def test_errors_of_redis_py_are_told_apart() -> None:
    assert errors.is_lost(redis.TimeoutError("x"))
    assert errors.is_lost(redis.ConnectionError("x"))
    assert not errors.is_lost(redis.AuthenticationError("x"))
    loading = errors.translated(redis.BusyLoadingError("Redis is loading the dataset in memory"))
    assert isinstance(loading, qadmin.Unavailable)
    assert loading.code == "LOADING"
    assert isinstance(errors.translated(redis.ReadOnlyError("x")), qadmin.WritesRefused)
    assert isinstance(errors.translated(redis.ResponseError("MISCONF x")), qadmin.WritesRefused)
    assert isinstance(errors.translated(redis.ResponseError("BUSY x")), qadmin.Unavailable)
    other = ValueError(str(uuid.uuid4()))
    assert errors.translated(other) is other
