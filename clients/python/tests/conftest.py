"""Servers and clients that tests share."""

from __future__ import annotations

from typing import Any, Iterator

import pytest
from hypothesis.configuration import set_hypothesis_home_dir
from servers import ROOT, Server

import qadmin

# What hypothesis keeps from one run to the next.
set_hypothesis_home_dir(ROOT / "target/client/hypothesis")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def clean(server: Server) -> Server:
    """The server without keys and with its own settings."""
    connection = server.connect()
    connection.flushall()
    connection.config_set("qadmin.inline-limit", 200_000)
    connection.config_set("qadmin.slice-us", 500)
    connection.close()
    return server


@pytest.fixture(params=[(2, False), (2, True), (3, False), (3, True)], ids=str)
def client(clean: Server, request: Any) -> Iterator[qadmin.Client]:
    """The blocking client over RESP2 and RESP3, with and without decoded replies."""
    protocol, decode = request.param
    connection = clean.connect(protocol=protocol, decode_responses=decode)
    yield qadmin.Client(connection)
    connection.close()


@pytest.fixture
def plain(clean: Server) -> Iterator[qadmin.Client]:
    """The blocking client over a connection with redis-py's defaults."""
    connection = clean.connect()
    yield qadmin.Client(connection)
    connection.close()
