"""A server for one script: on a free loopback port, in a temporary folder, gone when the script ends."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import redis


class ThrowawayServer:
    """Context manager around one server process; QADMIN_SERVER names another binary than redis-server."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="qadmin-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        linked = pathlib.Path(__file__).parents[2] / "target/bin/redis-server"  # see scripts/deps.sh
        found = shutil.which("redis-server") or (linked.exists() and str(linked)) or "valkey-server"
        binary = os.environ.get("QADMIN_SERVER") or found
        self.process = subprocess.Popen(
            [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder.name],
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        self.url = f"redis://127.0.0.1:{self.port}/0"
        deadline = time.monotonic() + 20
        while True:
            try:
                self.redis().ping()
                return self
            except redis.ConnectionError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.__exit__()
                    raise
                time.sleep(0.02)  # nothing to wait on: the port opens when it opens

    def redis(self):
        """A new client of the server."""
        return redis.Redis(host="127.0.0.1", port=self.port)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()
