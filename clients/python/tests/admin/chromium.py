"""A real Chromium that is controlled through its driver, by a dozen calls of WebDriver's JSON over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from typing import Any, Callable, List, Optional

import pytest
from servers import PATIENCE

# The member by which the protocol names an element.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# Tests can run as root, in containers with little shared memory.
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--window-size=1100,1400"),
)


def required() -> bool:
    return "browser" in os.environ.get("QADMIN_REQUIRE", "").split(",")


class Chromium:
    """A browser with one window. It ends with `stop`."""

    def __init__(self) -> None:
        if shutil.which("chromedriver") is None:
            assert not required(), "QADMIN_REQUIRE names browser, and there is no chromedriver"
            pytest.skip("there is no chromium and chromedriver here")
        # The driver leaves its browsers and their folders behind, so they are one group in one folder.
        self.folder = tempfile.mkdtemp(prefix="qadmin-chromium-")
        self.process = subprocess.Popen(
            ["chromedriver", "--port=0", "--log-level=SEVERE"],
            env={**os.environ, "TMPDIR": self.folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self.base = f"http://127.0.0.1:{self._port()}/session"
            wanted = {"goog:chromeOptions": {"args": ARGUMENTS}, "goog:loggingPrefs": {"browser": "ALL"}}
            opened = self._call("POST", "", {"capabilities": {"alwaysMatch": wanted}})
            self.base += f"/{opened['sessionId']}"
        except Exception:
            self.stop()
            raise

    def _port(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            _, found, rest = line.decode().partition(" successfully on port ")
            if found:
                return rest.strip().rstrip(".")
        raise RuntimeError("chromedriver does not start")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise RuntimeError(f"{path}: {value['error']}: {value['message']}") from None

    def go(self, url: str) -> None:
        self._call("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        return str(self._call("GET", "/url"))

    def script(self, text: str) -> Any:
        """What a script returns. The protocol's scripts are not bound by the policy of the page."""
        return self._call("POST", "/execute/sync", {"script": text, "args": []})

    def elements(self, selector: str) -> List[str]:
        found = self._call("POST", "/elements", {"using": "css selector", "value": selector})
        return [one[ELEMENT] for one in found]

    def element(self, selector: str) -> str:
        found: str = self.until(f"the page has {selector}", lambda: next(iter(self.elements(selector)), None))
        return found

    def click(self, selector: str) -> None:
        self._call("POST", f"/element/{self.element(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        self._call("POST", f"/element/{self.element(selector)}/value", {"text": text})

    def text(self, selector: str) -> str:
        """The text of an element as it is seen; empty where there is none."""
        return str(self.script(f"return document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def until(self, what: str, done: Callable[[], Any]) -> Any:
        """Waits until `done` returns something. A page that is just being left answers nothing."""
        end = time.monotonic() + PATIENCE
        error: Optional[Exception] = None
        while time.monotonic() < end:
            try:
                found = done()
                if found:
                    return found
            except RuntimeError as failed:
                error = failed
            time.sleep(0.02)
        raise AssertionError(f"did not happen: {what}; {self.url}: {error}")

    def complaints(self) -> List[str]:
        """What the browser has written into its console: violations of the policy, errors of scripts."""
        entries = self._call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if "favicon.ico" not in entry["message"]]

    def picture(self) -> str:
        """The window as PNG in base64."""
        return str(self._call("GET", "/screenshot"))

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
