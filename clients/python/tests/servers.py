"""Servers of the tests: each on a free loopback port, with the module, in a folder of its own."""

from __future__ import annotations

import ctypes
import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, List, Optional

import redis

ROOT = Path(__file__).resolve().parents[3]
# The slots of a cluster.
SLOTS = 16_384
# The longest time until something happens that happens at once on a machine with nothing else to do.
PATIENCE = 60.0


def free_port() -> int:
    """A port below those that Linux gives to outgoing connections, so that a server that was killed finds it free."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def program() -> str:
    """The server to test against: the same one as that of the suite in Rust."""
    found = os.environ.get("QADMIN_SERVER") or shutil.which("redis-server")
    linked = ROOT / "target/bin/redis-server"
    found = found or (str(linked) if linked.exists() else shutil.which("valkey-server"))
    if found is None:
        raise RuntimeError("there is no redis-server: run `make deps` first, or set QADMIN_SERVER")
    return found


def module() -> str:
    built = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "release/libqadmin.so"
    path = Path(os.environ.get("QADMIN_MODULE") or built).resolve()
    if not path.exists():
        raise RuntimeError(f"{path} does not exist: run `make build` first, or set QADMIN_MODULE")
    return str(path)


def eventually(what: str, is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise AssertionError(f"did not happen: {what}")
        time.sleep(0.01)


def _end_with_parent() -> None:
    """The server ends if the tests are killed. Linux only: prctl(PR_SET_PDEATHSIG, SIGKILL)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server:
    """One server process. It ends with `stop`, or when the tests end."""

    def __init__(self, *config: str, with_module: bool = True) -> None:
        self.folder = tempfile.mkdtemp(prefix="qadmin-py-")
        self.port = free_port()
        self.process: Optional["subprocess.Popen[bytes]"] = None
        lines = ["bind 127.0.0.1", 'save ""', "appendonly no", f"port {self.port}"]
        # However slow this machine is, counts of short queues are waited for.
        lines += [f"loadmodule {module()} inline-wait 10000"] if with_module else []
        (Path(self.folder) / "redis.conf").write_text("\n".join([*lines, *config, ""]), encoding="utf-8")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [program(), "redis.conf"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=_end_with_parent,
        )
        eventually("the server answers", self.answers)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the server has ended"
        try:
            return bool(self.connect().ping())
        except redis.ConnectionError:
            return False

    def connect(self, **options: Any) -> Any:
        return redis.Redis(host="127.0.0.1", port=self.port, **options)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    """Primaries that share the slots evenly."""

    def __init__(self, primaries: int = 3) -> None:
        self.nodes: List[Server] = []
        for _ in range(primaries):
            config = ["cluster-enabled yes", f"cluster-port {free_port()}", "cluster-node-timeout 5000"]
            self.nodes.append(Server(*config))
        first = self.nodes[0].connect()
        bus = first.config_get("cluster-port")["cluster-port"]
        for at, node in enumerate(self.nodes):
            start, end = at * SLOTS // primaries, (at + 1) * SLOTS // primaries - 1
            node.connect().execute_command("CLUSTER", "ADDSLOTSRANGE", start, end)
            if at:
                node.connect().execute_command("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, bus)
        for node in self.nodes:
            eventually("the cluster is whole", functools.partial(self.is_whole, node))

    def is_whole(self, node: Server) -> bool:
        info = node.connect(decode_responses=True).cluster("INFO")
        return bool(info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == len(self.nodes))

    def assign(self, slot: int, to: int) -> None:
        """Gives a slot to another node, without its keys."""
        for node in self.nodes:
            keys = node.connect().execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
            if keys:
                node.connect().delete(*keys)
        name = self.nodes[to].connect(decode_responses=True).execute_command("CLUSTER", "MYID")
        for node in [self.nodes[to], *self.nodes]:
            node.connect().execute_command("CLUSTER", "SETSLOT", slot, "NODE", name)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
