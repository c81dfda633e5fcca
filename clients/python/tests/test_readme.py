"""The examples of the README, in their order, on one server."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
from messages import fill, message
from servers import ROOT, Server

import qadmin

README = Path(__file__).resolve().parent.parent / "README.md"


def test_every_example_answers_what_the_readme_says(clean: Server) -> None:
    fill(clean.connect(), "celery", [message("app.tasks.send", f"n{at}", account=at % 10) for at in range(120)])
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"^```pycon\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == text.count("```") // 2 > 4
    examples = "".join(blocks).replace("6379", str(clean.port))
    wrong: "list[str]" = []
    test = doctest.DocTestParser().get_doctest(examples, {}, "README.md", str(README), 0)
    failed, tried = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL).run(test, out=wrong.append)
    assert (failed, tried > 20) == (0, True), "".join(wrong)


def test_the_example_of_the_page_about_clients_runs(clean: Server, capsys: pytest.CaptureFixture[str]) -> None:
    task = "app.tasks.upload.Upload"
    fill(clean.connect(), "celery", [message(task, repoid=147107 + at % 2) for at in range(20)])
    page = (ROOT / "docs/clients.md").read_text(encoding="utf-8")
    section = page.partition("\n## Python\n")[2].partition("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    exec("\n".join(lines).replace("6379", str(clean.port)), {})
    assert capsys.readouterr().out == "10\n20\n"


def test_the_readme_names_all_errors_and_methods() -> None:
    text = README.read_text(encoding="utf-8")
    for kind in qadmin.CommandError.__subclasses__():
        assert f"`{kind.__name__}`" in text
    for name in (name for name in dir(qadmin.Client) if not name.startswith("_") and name not in ("ref", "redis")):
        assert re.search(rf"`{name}[`(]", text), f"the README does not name {name}"
