#!/usr/bin/env python3
"""Checks that the random tests of the catalog drive every verb of every repository.

usage: check_verbs.py ROOT

A repository is a class whose instances see the catalog as one scope: it holds a CatalogAccess. Its verbs are
its public methods that return a Result, and each must stand in a table of verbs in src/catalog/proof, or in
that of a folder above the catalog, as "Class::Verb". Prints one line per offence and exits 1 if there is one.
"""
import pathlib
import re
import sys

# Classes whose verbs take the scope as an argument, or serve all scopes under a lease.
OTHERS = {"TopicRepo", "JobQueue", "AuditLog"}
# Where verbs are driven.
TABLES = ["src/catalog/proof/*.h", "src/audit/tenancy_test.cc"]
# Of the engine itself: no call of a scope reaches them.
EXEMPT = {"TopicRepo::FindAnyById", "TopicRepo::FindAnyByNumber", "TopicRepo::RegisterEngines",
          "TopicRepo::ListAny", "TopicRepo::RetainedBytes"}

CLASS = re.compile(r"^class (\w+)[^;{]*\{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
VERB = re.compile(r"^  (?:\[\[nodiscard\]\] )?Result<.*> (\w+)\(", re.MULTILINE)
DRIVEN = re.compile(r'\{"(\w+::\w+)", k(?:Read|Write)')


def public_part(body):
    parts = re.split(r"^ (public|protected|private):\n", body, flags=re.MULTILINE)
    return "".join(text for access, text in zip(parts[1::2], parts[2::2]) if access == "public")


def verbs(root):
    for header in sorted([*root.glob("include/jammi/*.h"), *root.glob("src/catalog/*.h")]):
        text = re.sub(r"//.*", "", header.read_text(encoding="utf-8"))
        for name, body in CLASS.findall(text):
            if name in OTHERS or re.search(r"CatalogAccess access\w*_;", body):
                yield from ((header.relative_to(root), f"{name}::{verb}")
                            for verb in sorted(set(VERB.findall(public_part(body)))))


def offences(root):
    driven = set()
    for table in (path for pattern in TABLES for path in root.glob(pattern)):
        driven |= set(DRIVEN.findall(table.read_text(encoding="utf-8")))
    known = set()
    for header, verb in verbs(root):
        known.add(verb)
        if verb not in driven and verb not in EXEMPT:
            yield f"{header}: no table in src/catalog/proof drives {verb}"
    for verb in sorted((driven | EXEMPT) - known):
        yield f"src/catalog/proof: there is no verb {verb}"


def main():
    found = list(offences(pathlib.Path(sys.argv[1]).resolve()))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
