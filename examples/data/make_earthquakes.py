#!/usr/bin/env python3
"""Makes earthquakes.csv out of the GeoJSON feed of the USGS: one line an event, by time.

usage: make_earthquakes.py FEED.json > earthquakes.csv
"""
import csv
import json
import sys
from datetime import datetime, timezone

COLUMNS = ["id", "time", "latitude", "longitude", "depth_km", "mag", "mag_type", "event_type", "felt", "place"]


def row(feature):
    about = feature["properties"]
    longitude, latitude, depth_km = feature["geometry"]["coordinates"]
    seconds, millis = divmod(about["time"], 1000)
    time = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + f".{millis:03}Z"
    return [feature["id"], time, latitude, longitude, depth_km, about["mag"], about["magType"],
            about["type"], about["felt"], about["place"]]


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        features = json.load(file)["features"]
    features.sort(key=lambda feature: (feature["properties"]["time"], feature["id"]))
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(COLUMNS)
    out.writerows(row(feature) for feature in features)


if __name__ == "__main__":
    main()
