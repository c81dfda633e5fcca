#!/usr/bin/env python3
"""The documentation outside of the repository: in packages, and as a site.

  scripts/pages.py copy FOLDER    copies all pages, with the pictures and files that they link to, as they lie in the repository
  scripts/pages.py check FOLDER   fails if a link of a Markdown file below the folder leads nowhere; README.md must be there
  scripts/pages.py source FOLDER  copies the pages for mdbook, with a table of contents; fails if a page is in no table
  scripts/pages.py site MDBOOK    makes target/site with the program mdbook, and checks the links of its pages

The order of the site's pages is that of the tables of docs/README.md. A page that these do not name is an error.
"""

import html.parser
import re
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Everything else that is copied lies below docs/.
FILES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "RELEASING.md", "LICENSE", "clients/python/README.md",
         "examples/python/queue_admin.py"]
PICTURES = {".png", ".svg", ".jpg"}
SECTIONS = ["Use", "Operate", "Extend"]
# These folders have an index of their own.
COLLECTIONS = ["docs/decisions"]
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^()\s]+)(\))")


def copy(folder: Path) -> None:
    pages = [ROOT / name for name in FILES] + [path for path in sorted((ROOT / "docs").rglob("*")) if path.is_file()]
    for page in pages:
        target = folder / page.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, target)


def prose(text: str) -> list[str]:
    """The lines of a page; those of code blocks between fences are empty."""
    lines, fence = [], ""
    for line in text.splitlines():
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
            lines.append("")
        else:
            lines.append("" if fence else line)
    return lines


def without_code(line: str) -> str:
    """A line in which text between backticks is blank."""
    return re.sub(r"(`+)(?:(?!\1).)*\1", lambda match: " " * len(match[0]), line)


def links(text: str) -> list[str]:
    """The targets of all links of a page."""
    # Links can continue on the next line.
    return [match[2] for match in LINK.finditer("\n".join(without_code(line) for line in prose(text)))]


def anchors(text: str) -> set[str]:
    """The anchors of a page: its own, and those of headings (lower case, spaces as dashes, no other punctuation)."""
    found: dict[str, int] = {}
    own = set()
    for line in prose(text):
        own.update(re.findall(r'<a id="([^"]+)"', line))
        if heading := re.match(r"#+ (.*)", line):
            name = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1].strip().lower())
            name = "".join("-" if c == " " else c for c in name if c.isalnum() or c in " -_")
            count = found.get(name, 0)
            found[name] = count + 1
            own.add(f"{name}-{count}" if count else name)
    return own


def check(folder: Path) -> list[str]:
    """The links of the Markdown files below the folder that lead nowhere."""
    texts = {path.resolve(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.md"))}
    wrong = [] if (folder / "README.md").is_file() else [f"there is no {folder / 'README.md'}"]
    for page, text in texts.items():
        for link in links(text):
            if re.match(r"[a-z]+:", link):
                continue
            name, _, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.exists():
                wrong.append(f"{page}: {link}: there is no such file")
            elif anchor and target in texts and anchor not in anchors(texts[target]):
                wrong.append(f"{page}: {link}: there is no such heading")
    return wrong


def title(page: Path) -> str:
    heading = re.search(r"^# (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return heading[1].replace("`", "") if heading else page.stem


def summary(source: Path) -> str:
    """The table of contents, made of the tables of docs/README.md."""
    index = source / "docs" / "README.md"
    parts = re.split(r"^## (.*)$", index.read_text(encoding="utf-8"), flags=re.MULTILINE)
    known = {(source / "README.md").resolve(), index.resolve()}
    lines = ["# Summary", "", "[qadmin](README.md)", "[Documentation](docs/README.md)"]

    def add(page: Path, depth: int = 0) -> None:
        if page not in known:
            known.add(page)
            lines.append(f"{'  ' * depth}- [{title(page)}]({page.relative_to(source.resolve())})")

    for section in SECTIONS:
        if section not in parts:
            raise SystemExit(f"docs/README.md has no section {section}")
        lines += ["", f"# {section}", ""]
        for link in links(parts[parts.index(section) + 1]):
            page = (index.parent / link.partition("#")[0]).resolve()
            if page.suffix == ".md":
                add(page)
                for inner in sorted(page.parent.glob("*.md")) if page.name == "README.md" else []:
                    if str(page.parent.relative_to(source.resolve())) in COLLECTIONS:
                        add(inner.resolve(), 1)
    # Files that are pages on the site only.
    rest = [page for page in sorted(source.rglob("*.md")) if page.resolve() not in known]
    missing = [page for page in rest if (ROOT / page.relative_to(source)).exists()]
    if missing:
        raise SystemExit("docs/README.md names no " + ", ".join(str(page.relative_to(source)) for page in missing))
    lines += ["", "---", ""] + [f"[{title(page)}]({page.relative_to(source)})" for page in rest]
    return "\n".join(lines) + "\n"


def make_source(source: Path) -> None:
    """Copies the pages for mdbook. Other texts become pages; a README below the root is called overview, because mdbook would make
    index.html of it, and docs/ has a page about indexes."""
    shutil.rmtree(source, ignore_errors=True)
    copy(source)
    others = {path.resolve() for path in source.rglob("*")
              if path.is_file() and path.suffix not in PICTURES | {".md"}}
    for path in others:
        language = {".py": "python"}.get(path.suffix, "text")
        text = path.read_text(encoding="utf-8").rstrip("\n")
        path.with_suffix(".md").write_text(f"# {path.name}\n\n```{language}\n{text}\n```\n", encoding="utf-8")
        path.unlink()
    contents = re.sub(r"/README\.md\)", "/overview.md)", summary(source))
    for page in source.rglob("*.md"):

        def target(match: re.Match[str], page: Path = page) -> str:
            name, mark, anchor = match[2].partition("#")
            if name and not re.match(r"[a-z]+:", name):
                place = (page.parent / name).resolve()
                if place in others:
                    name = name[: len(name) - len(place.suffix)] + ".md"
                elif place.name == "README.md":
                    own = "index.md" if place.parent == source.resolve() else "overview.md"
                    name = name[: -len("README.md")] + own
            return match[1] + name + mark + anchor + match[3]

        page.write_text(LINK.sub(target, page.read_text(encoding="utf-8")), encoding="utf-8")
    for page in list(source.rglob("*/README.md")):
        page.rename(page.with_name("overview.md"))
    (source / "SUMMARY.md").write_text(contents, encoding="utf-8")


class Page(html.parser.HTMLParser):
    """What a page of the site links to, loads and defines."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value is not None}
        self.ids.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and "href" in values:
            self.loads.append(values["href"])
        if "src" in values:
            self.loads.append(values["src"])


def check_site(site: Path) -> list[str]:
    """The links of the site that lead nowhere, and what its pages would load from elsewhere."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    wrong = [] if list(site.glob("searchindex*.js")) else ["there is no index for the search"]
    wrong += [f"{style.relative_to(site)} loads from elsewhere" for style in site.rglob("*.css")
              if re.search(r"url\(\W?(?:https?:)?//|@import", style.read_text(encoding="utf-8"))]
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for link in page.links + page.loads:
            scheme = re.match(r"([a-z]+:|//)", link)
            if scheme and (link in page.loads or scheme[1] not in {"http:", "https:", "mailto:"}):
                wrong.append(f"{name}: {link} is loaded from elsewhere")
            if scheme:
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / urllib.parse.unquote(file)).resolve() if file else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                wrong.append(f"{name}: {link}: there is no such file")
            elif anchor and target in pages and urllib.parse.unquote(anchor) not in pages[target].ids:
                wrong.append(f"{name}: {link}: there is no such heading")
    return wrong


def make_site(mdbook: str) -> list[str]:
    source, site = ROOT / "target" / "site-source", ROOT / "target" / "site"
    make_source(source)
    subprocess.run([mdbook, "build", str(ROOT)], check=True, stdout=subprocess.DEVNULL)
    wrong = check_site(site)
    sources = [path.relative_to(source) for path in source.rglob("*.md") if path.name not in {"SUMMARY.md", "README.md"}]
    wrong += [f"there is no page of {path}" for path in sources if not (site / path.with_suffix(".html")).is_file()]
    pages = sum(1 for _ in site.rglob("*.html"))
    if not wrong:
        print(f"{site.relative_to(ROOT)}/index.html: {pages} pages; all links lead somewhere")
    return wrong


def main() -> int:
    match sys.argv[1:]:
        case ["copy", folder]:
            copy(Path(folder))
            wrong = []
        case ["check", folder]:
            wrong = check(Path(folder))
        case ["source", folder]:
            make_source(Path(folder))
            wrong = []
        case ["site", mdbook]:
            wrong = make_site(mdbook)
        case _:
            print(__doc__)
            return 2
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
