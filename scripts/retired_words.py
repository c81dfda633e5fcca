#!/usr/bin/env python3
"""Fails where the documentation or a text of the program `qadmin` uses a word that docs/glossary.md has retired.

The words are those in double quotes in the last column ("formerly") of the glossary's tables. Quoted output and code are
not checked: fenced and indented blocks and text between backticks in Markdown. Decision records, docs/history and the
changelog describe the past, so they keep the words of their time.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
PAPERS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "packaging/redis.conf", "clients/python/README.md"]
PAST = ["docs/decisions", "docs/history"]
# Lines that tests compare with texts of the code: (file, beginning of the line).
QUOTED = [("docs/settings.md", "| `"), ("docs/filter.md", "| `")]


def retired() -> list[tuple[str, str]]:
    """Pairs of a retired phrase and the term that replaces it."""
    pairs = []
    for line in GLOSSARY.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3:
            pairs += [(phrase, cells[0]) for phrase in re.findall(r'"([^"]+)"', cells[2])]
    return pairs


def markdown(text: str) -> list[str]:
    """The lines of a page, with code blanked out."""
    lines, fenced = [], False
    for line in text.splitlines():
        fence = line.startswith("```")
        code = fenced or fence or (line.startswith("    ") and not re.match(r"\s+([-*]|\d+\.) ", line))
        # An indented line that continues a list item is prose.
        if code and not fenced and not fence and lines and lines[-1].strip() and not lines[-1].startswith("    "):
            code = False
        fenced ^= fence
        lines.append("" if code else re.sub(r"`[^`]*`", lambda match: " " * len(match.group()), line))
    return lines


def files() -> list[Path]:
    pages = [ROOT / name for name in PAPERS] + sorted((ROOT / "docs").rglob("*.md"))
    code = [path for path in sorted((ROOT / "console" / "src").rglob("*")) if path.suffix in {".rs", ".js", ".css"}]
    past = [ROOT / name for name in PAST]
    return [path for path in pages + code if path != GLOSSARY and not any(old in path.parents for old in past)]


def main() -> int:
    pairs = retired()
    if len(pairs) < 5:
        print(f"{GLOSSARY} has {len(pairs)} retired phrases; is its table still in the expected form?")
        return 1
    patterns = [(re.compile(rf"\b{re.escape(phrase)}\b".replace(r"\ ", r"\s+"), re.IGNORECASE), phrase, term)
                for phrase, term in pairs]
    found = 0
    for path in files():
        name = str(path.relative_to(ROOT))
        text = path.read_text(encoding="utf-8")
        quoted = [start for file, start in QUOTED if file == name]
        text = "\n".join("" if line.startswith(tuple(quoted)) else line for line in text.splitlines())
        lines = markdown(text) if path.suffix == ".md" else text.splitlines()
        # Phrases can continue on the next line, so the whole text is searched.
        whole = "\n".join(lines)
        for pattern, phrase, term in patterns:
            for match in pattern.finditer(whole):
                line = whole.count("\n", 0, match.start()) + 1
                print(f'{name}:{line}: "{phrase}" is retired; the glossary says: {term}')
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
