#!/usr/bin/env python3
"""Checks that every relative link in our Markdown leads somewhere, and that docs/README.md names every page.

usage: check_links.py ROOT

Prints one line per offence and exits 1 if there is one.
"""
import pathlib
import re
import sys

LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
SKIP = {".deps", "build", ".git"}


def pages(root):
    return sorted(path for path in root.rglob("*.md") if not SKIP & set(path.relative_to(root).parts))


def links(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [link for link in LINK.findall(text) if "://" not in link and not link.startswith("mailto:")]


def offences(root):
    for page in pages(root):
        for link in links(page):
            if not (page.parent / link).exists():
                yield f"{page.relative_to(root)}: the link to {link} leads nowhere"
    index = root / "docs" / "README.md"
    named = {(index.parent / link).resolve() for link in links(index)}
    for page in sorted((root / "docs").glob("*.md")):
        if page != index and page.resolve() not in named:
            yield f"docs/README.md does not name {page.name}"


def main():
    found = list(offences(pathlib.Path(sys.argv[1]).resolve()))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
