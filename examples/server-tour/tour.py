"""The tour with the published client, jammi-ai. usage: tour.py publish|replay DATA.csv ROWS_PER_EVENT

The server is $JAMMI_TARGET. `publish` makes a topic and fills it; `replay` reads it again.
"""
import os
import sys
import time

import jammi
import pyarrow.compute as pc
from pyarrow import csv

TOPIC = "quakes.python"


def check(what, got, want):
    good = got == want
    print(f"   {'ok ' if good else 'BAD'} {what:<44} {got:>6}" + ("" if good else f"  must be {want}"))
    return good


def counts(db, data):
    strong = pc.sum(pc.greater_equal(data["mag"], 5.0)).as_py()
    everything = db.subscribe_collect(TOPIC, from_offset=0)
    filtered = db.subscribe_collect(TOPIC, from_offset=0, predicate="mag >= 5.0")
    good = check("rows from offset 0", everything.num_rows, data.num_rows)
    return check("rows with `mag >= 5.0`", filtered.num_rows, strong) and good


def publish(db, data, rows_per_event):
    db.register_topic(TOPIC, schema=data.schema)
    began = time.monotonic()
    offsets = [db.publish_topic(TOPIC, batch=data.slice(row, rows_per_event))
               for row in range(0, data.num_rows, rows_per_event)]
    took = (time.monotonic() - began) * 1000
    print(f"   published {len(offsets)} events, each on disk when acknowledged: {took / len(offsets):.2f} ms each")
    return check("events with offsets in order", len(offsets), offsets[-1] + 1)


def main(what, path, rows_per_event):
    # Times stay text, as a topic takes them.
    options = csv.ConvertOptions(column_types={"time": "string"})
    data = csv.read_csv(path, convert_options=options)
    with jammi.connect(os.environ["JAMMI_TARGET"]) as db:
        good = what == "replay" or publish(db, data, int(rows_per_event))
        return 0 if counts(db, data) and good else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
