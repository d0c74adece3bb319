#!/usr/bin/env python3
"""Checks who includes whom. Prints one line per offence and exits 1 if there is one.

usage: check_layers.py ROOT

The order of the folders is that of the add_subdirectory() lines in ROOT/src/CMakeLists.txt, from the
ground up. A file in src/ may include its own folder, the folders below it, and include/jammi. (Links
are checked where they are made, in jammi_library().)
"""
import pathlib
import re
import sys

SOURCES = (".h", ".cc")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.MULTILINE)
ADD_SUBDIRECTORY = re.compile(r"^[ \t]*add_subdirectory\((\w+)\)", re.MULTILINE)

# A foreign header, and the folders of src/ that may include it.
ONLY_IN = [
    (re.compile(r"sqlite3(ext)?\.h$"), ["catalog/sqlite"]),
    (re.compile(r"libpq-fe\.h$|libpq/"), ["catalog/postgres"]),
    (re.compile(r"duckdb(\.h|\.hpp|/)"), ["predicate", "sql"]),
    (re.compile(r"nats\.h$|nats/((nats|status|version)\.h$|adapters/)"), ["nats"]),
    (re.compile(r"prometheus/"), ["metrics"]),
    (re.compile(r"boost/(asio|beast)/"), ["http"]),
]
# What a public header may include: one another, the standard library, and Arrow's declarations.
PUBLIC_MAY_INCLUDE = re.compile(r"^(jammi/[\w/]+\.h|arrow/type_fwd\.h|[a-z_0-9]+)$")


def includes(path):
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def source_files(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in SOURCES)


def public_offences(root):
    for path in source_files(root / "include"):
        for header in includes(path):
            if not PUBLIC_MAY_INCLUDE.match(header):
                yield f"{path.relative_to(root)}: a public header may not include {header}"


def private_offences(root):
    src = root / "src"
    order = ADD_SUBDIRECTORY.findall((src / "CMakeLists.txt").read_text(encoding="utf-8"))
    for path in source_files(src):
        inside = path.relative_to(src)
        name = path.relative_to(root)
        layer = inside.parts[0]
        if layer not in order:
            yield f"{name}: {layer}/ is not in src/CMakeLists.txt"
            continue
        for header in includes(path):
            target = header.split("/")[0]
            if target in order and (src / header).exists() and order.index(target) > order.index(layer):
                yield f"{name}: {layer}/ may not include upwards: {header}"
            for pattern, folders in ONLY_IN:
                if pattern.match(header) and not any(inside.is_relative_to(f) for f in folders):
                    yield f"{name}: only {' and '.join(folders)} may include {header}"


def offences(root):
    return [*public_offences(root), *private_offences(root)]


def main():
    found = offences(pathlib.Path(sys.argv[1]).resolve())
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
