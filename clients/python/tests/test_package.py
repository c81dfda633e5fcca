"""The wheel and the source archive, installed from files alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from servers import ROOT, Server

import qadmin

# What `make test-python` has downloaded: redis-py and setuptools.
DEPENDENCIES = ROOT / "target/client/wheels"


def run(*words: Any, **env: str) -> str:
    done = subprocess.run([str(word) for word in words], env={**os.environ, **env}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(ROOT / "scripts/wheel.sh", DIST=str(folder), CLIENT_VENV=str(Path(sys.prefix)))
    return folder


def test_they_contain_the_package_and_nothing_else(dist: Path) -> None:
    version = qadmin.__version__
    wheel, archive = f"qadmin-{version}-py3-none-any.whl", f"qadmin-{version}.tar.gz"
    assert {path.name for path in dist.iterdir()} == {wheel, archive}
    package = ROOT / "clients/python/src/qadmin"
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    sources = {str(path.relative_to(package)) for path in files}
    with zipfile.ZipFile(dist / wheel) as opened:
        names = {name.partition("/")[2] for name in opened.namelist() if name.startswith("qadmin/")}
        assert names == sources
        assert {"py.typed", "django/static/qadmin/queues.js", "django/templates/qadmin/base.html"} <= names
        metadata = opened.read(f"qadmin-{version}.dist-info/METADATA").decode()
    assert "Requires-Dist: redis>=5" in metadata
    assert 'Requires-Dist: Django>=4.2; extra == "django"' in metadata
    assert "Requires-Python: >=3.9" in metadata
    with tarfile.open(dist / archive) as packed:
        assert not [name for name in packed.getnames() if "/tests" in name]
        assert f"qadmin-{version}/LICENSE" in packed.getnames()


def test_the_version_and_the_license_are_those_of_the_workspace() -> None:
    assert f'version = "{qadmin.__version__}"' in (ROOT / "Cargo.toml").read_text(encoding="utf-8")
    assert (ROOT / "clients/python/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_they_can_be_installed_and_used(dist: Path, tmp_path: Path, clean: Server, pattern: str) -> None:
    (package,) = dist.glob(pattern)
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run(*pip, "install", "--no-index", "--find-links", DEPENDENCIES, package)
    script = f"import qadmin, redis; print(qadmin.Client(redis.Redis(port={clean.port})).queues().complete)"
    assert run(python, "-I", "-c", script) == "True\n"
