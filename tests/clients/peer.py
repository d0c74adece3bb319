"""A client in a process of its own, for tests of two generations at once: one call a line, as JSON.

    peer.py TARGET

Events are lists of rows (streams_test.table). Answers {"value": ...} or {"error": text}.
"""
import json
import sys

import pyarrow as pa

from generation import PACKAGE
from streams_test import table
from topics_test import EVENT


def call(db, verb, arguments, options):
    if "batch" in options:
        options["batch"] = table(*options["batch"])
    if options.pop("schema", None):
        options["schema"] = EVENT
    value = getattr(db, verb)(*arguments, **options)
    return [list(row.values()) for row in value.to_pylist()] if isinstance(value, pa.Table) else value


def main():
    with PACKAGE.connect(sys.argv[1]) as db:
        for line in sys.stdin:
            try:
                answer = {"value": call(db, *json.loads(line))}
            except Exception as error:  # whatever it is, the other side judges it
                answer = {"error": str(error)}
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
