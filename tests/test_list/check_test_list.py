#!/usr/bin/env python3
"""Checks that every test that stands in the tree is built, and that none is switched off.

usage: check_test_list.py ROOT COMPILE_COMMANDS_JSON

A test file that no target compiles, and a case that is disabled or skips itself, look like proof and
are none. For a build of everything. Prints one line per offence and exits 1 if there is one.
"""
import json
import pathlib
import re
import sys

FOLDERS = ("src", "tests")
TEST_FILE = re.compile(r"_(pg|nats)?test\.cc$")
# Files that are compiled together are included by one (JAMMI_UNITY), with paths from the root.
INCLUDED = re.compile(r'^#include "([^"]+\.cc)"$', re.MULTILINE)
SWITCHED_OFF = re.compile(r"\bDISABLED_\w+|\bGTEST_SKIP\b")


def test_files(root):
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.cc")
                  if TEST_FILE.search(path.name))


def compiled_files(root, database):
    compiled = {(pathlib.Path(entry["directory"]) / entry["file"]).resolve()
                for entry in json.loads(database.read_text(encoding="utf-8"))}
    for path in list(compiled):
        if path.exists():
            compiled |= {(root / name).resolve() for name in INCLUDED.findall(path.read_text(encoding="utf-8"))}
    return compiled


def offences(root, database):
    compiled = compiled_files(root, database)
    for path in test_files(root):
        name = path.relative_to(root)
        if path not in compiled:
            yield f"{name}: no target compiles this test"
        # A test that needs a server says in its file name that it may have none, and skips.
        if path.name.endswith(("_pgtest.cc", "_natstest.cc")):
            continue
        for found in SWITCHED_OFF.findall(path.read_text(encoding="utf-8")):
            yield f"{name}: switched off: {found}"


def main():
    root, database = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    found = list(offences(root, database))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
