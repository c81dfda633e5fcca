"""The clients of a cluster: commands go to the node that owns the slot of the queue."""

from __future__ import annotations

import asyncio
from typing import Any, Iterator

import pytest
import redis.asyncio.cluster
import redis.cluster
from messages import fill, some
from servers import Cluster

import qadmin
import qadmin.asyncio

# One on each of three nodes.
QUEUES = ["celery", "email", "upload"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    running = Cluster()
    try:
        connection: Any = redis.cluster.RedisCluster(host="127.0.0.1", port=running.nodes[0].port)
        assert len({connection.get_node_from_key(name).port for name in QUEUES}) == 3
        for name in QUEUES:
            fill(connection, name, some(20))
        connection.close()
        yield running
    finally:
        running.stop()


@pytest.fixture(params=[(2, False), (3, True)], ids=str)
def client(cluster: Cluster, request: Any) -> Iterator[qadmin.Client]:
    protocol, decode = request.param
    port = cluster.nodes[0].port
    connection: Any = redis.cluster.RedisCluster("127.0.0.1", port, protocol=protocol, decode_responses=decode)
    yield qadmin.Client(connection)
    connection.close()


def test_each_queue_is_reached(client: qadmin.Client) -> None:
    jobs = []
    for name in QUEUES:
        assert client.preview(name, kwargs__account=3).match_count == 2
        job = client.clear(name, kwargs__account=3, dryrun=True)
        assert job.wait().would_delete == 2
        assert client.stats(name, "task").matched == 20
        jobs.append(job)
    # Without the queue all nodes are asked.
    assert [client.status(job.id).queue for job in jobs] == QUEUES
    assert [client.job(job.id).wait().queue for job in jobs] == QUEUES
    with pytest.raises(qadmin.JobNotFound):
        client.status("00000000-0000-4000-8000-000000000000")
    # No node knows whether another one has a job with the same first digits.
    assert client.status(jobs[0].id[:8], QUEUES[0]).job_id == jobs[0].id
    with pytest.raises(qadmin.RequestError, match="needs the queue"):
        client.status(jobs[0].id[:8])
    assert {row.job_id for row in client.jobs(count=100)} >= {job.id for job in jobs}
    times = [row.started_at or 0 for row in client.jobs(count=5)]
    assert len(times) == 5
    assert times == sorted(times, reverse=True)


def test_another_node_is_named(cluster: Cluster) -> None:
    clients = [qadmin.Client(node.connect()) for node in cluster.nodes]
    for client in clients:
        if client.queues(glob="email").queues:
            assert client.preview("email", task="a").depth
        else:
            with pytest.raises(qadmin.WrongNode) as refused:
                client.preview("email", task="a")
            assert refused.value.code == "MOVED"


def test_queues_of_all_nodes_are_listed(client: qadmin.Client) -> None:
    seen = client.queues()
    assert sorted(row.queue for row in seen.queues) == sorted(QUEUES)
    assert (seen.complete, len(seen.raw["nodes"])) == (True, 3)
    for name in QUEUES:
        client.index_create(name)
    assert sorted(row.queue for row in client.index_list()) == sorted(QUEUES)
    assert all(client.index_drop(name) for name in QUEUES)
    assert client.help()[0].startswith("QADMIN.")


def test_parking_and_undo_in_a_cluster(client: qadmin.Client) -> None:
    job = client.clear("email", kwargs__account=5, mode="all", park=True, confirm="email")
    assert job.wait().deleted == 2
    assert job.started is not None
    undo = client.undo(job.id, queue="email", confirm=job.started.to)
    assert undo.wait().deleted == 2
    # The list of the undo is in another place than the queue by its name, and in the same slot.
    assert client.job(undo.id).status().to == "email"
    with pytest.raises(qadmin.CrossSlot):
        client.clear("email", kwargs__account=5, mode="all", to="celery", confirm="email")


def test_commands_stay_below_the_time_out_of_the_connection(cluster: Cluster) -> None:
    port = cluster.nodes[0].port
    connection: Any = redis.cluster.RedisCluster("127.0.0.1", port, socket_timeout=0.5)
    with pytest.raises(TypeError, match="a pipeline cannot be used"):
        qadmin.Client(connection.pipeline())
    assert qadmin.Client(connection).ref("x").slice_ms == 250
    connection.close()
    other: Any = redis.asyncio.cluster.RedisCluster("127.0.0.1", port, socket_timeout=0.5)
    assert qadmin.asyncio.Client(other).ref("x").slice_ms == 250
    with pytest.raises(TypeError, match="a pipeline cannot be used"):
        qadmin.asyncio.Client(other.pipeline())


def test_a_slot_that_has_moved_is_followed(client: qadmin.Client, cluster: Cluster) -> None:
    if client.redis.get_connection_kwargs().get("protocol") == 3 and redis.__version__.startswith("5."):
        pytest.skip("RedisCluster of redis-py 5 does not follow redirections by RESP3")
    name = "moving"
    assert client.preview(name, task="app.send").depth == 0
    slot = int(client.redis.cluster_keyslot(name))
    owner = next(n for n, node in enumerate(cluster.nodes) if node.port == client.redis.get_node_from_key(name).port)
    # Another client than the one that is tested pushes, so that the latter has to find out.
    cluster.assign(slot, (owner + 1) % 3)
    pushing = cluster.nodes[(owner + 1) % 3].connect()
    fill(pushing, name, some(10))
    assert client.preview(name, task="app.send").match_count == 10
    job = client.clear(name, task="app.send", mode="all", confirm=name)
    assert job.wait().deleted == 10

    async def whole() -> None:
        port = cluster.nodes[0].port
        async with redis.asyncio.cluster.RedisCluster(host="127.0.0.1", port=port) as connection:
            other = qadmin.asyncio.Client(connection)
            assert (await other.preview(name, task="app.send")).depth == 0
            cluster.assign(slot, owner)
            fill(cluster.nodes[owner].connect(), name, some(10))
            assert await (await other.clear(name, task="app.send", mode="all", confirm=name))

    asyncio.run(whole())


def test_jobs_of_all_nodes_are_cancelled(client: qadmin.Client) -> None:
    started = [client.clear(name, task="app.send", mode="all", rate=1, confirm=name) for name in QUEUES]
    assert {row.job_id for row in client.cancel_all()} == {job.id for job in started}
    assert client.throttle(started[0].id, rate=5).status == "cancelled"


def test_asyncio(cluster: Cluster) -> None:
    async def whole() -> None:
        async with redis.asyncio.cluster.RedisCluster(host="127.0.0.1", port=cluster.nodes[1].port) as connection:
            client = qadmin.asyncio.Client(connection)
            assert sorted(row.queue for row in (await client.queues()).queues) == sorted(QUEUES)
            for name in QUEUES:
                job = await client.clear(name, kwargs__account=4, dryrun=True)
                assert (await job).matched == 2
                assert (await client.status(job.id)).queue == name

    asyncio.run(whole())
