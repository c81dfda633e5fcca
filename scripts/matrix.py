"""Writes the table of tested servers into docs/testing.md, from the last `make test-all` (target/matrix.tsv).

Each line of that file is one run of the suite: name and version of the server, its memory allocator, lines for its
configuration, with which a part of the suite is run, passed tests, failed tests.
"""

import pathlib
import subprocess
import sys

BEGIN = "<!-- make matrix writes the lines up to the next mark -->\n"
END = "<!-- end of what make matrix writes -->\n"


def row(line: str) -> str:
    server, allocator, configuration, passed, failed = line.split("\t")
    configuration = f"`{configuration}`" if configuration else ""
    return f"| {server} | {allocator} | {configuration} | {passed} | {failed} |\n"


def main() -> None:
    lines = pathlib.Path("target/matrix.tsv").read_text(encoding="utf-8").splitlines()
    # A run that did not reach its end has no numbers, and says nothing of its server.
    incomplete = [line for line in lines if len(line.split("\t")) != 5 or not line.split("\t")[4]]
    if incomplete or not lines:
        sys.exit(f"target/matrix.tsv has runs without a result; run make test-all: {incomplete}")
    date = subprocess.run(["date", "-u", "+%Y-%m-%d"], check=True, capture_output=True, text=True).stdout.strip()
    table = f"On {date}, on x86-64:\n\n| server | allocator | configuration | passed | failed |\n|---|---|---|---|---|\n"
    table += "".join(map(row, lines))
    page = pathlib.Path("docs/testing.md")
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(before + BEGIN + "\n" + table + "\n" + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
