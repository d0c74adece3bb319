#!/usr/bin/env python3
"""Counts the tests of one run of ctest: prints "passed failed skipped".

usage: count_tests.py BUILD_DIR

Reads BUILD_DIR/ctest.xml, the JUnit report of ctest. A test program of ours left its cases in
BUILD_DIR/results/<name>.xml and counts with each of them; every other entry counts as one. A program
that failed without a failed case (a crash, a sanitizer's report, a time-out) counts as one failure.
"""
import pathlib
import sys
import xml.etree.ElementTree as ET
from collections import Counter


def outcome_of_case(case):
    """The outcome of a <testcase> of a test program (GoogleTest's report)."""
    if case.find("failure") is not None:
        return "failed"
    if case.get("status") == "notrun" or case.find("skipped") is not None:
        return "skipped"
    return "passed"


def outcome_of_entry(entry):
    """The outcome of a <testcase> of ctest. An entry that could not be started has not passed."""
    return {"run": "passed", "disabled": "skipped"}.get(entry.get("status"), "failed")


def count(build):
    total = Counter()
    for entry in ET.parse(build / "ctest.xml").iter("testcase"):
        whole = outcome_of_entry(entry)
        report = build / "results" / f"{entry.get('name')}.xml"
        try:
            cases = Counter(outcome_of_case(case) for case in ET.parse(report).iter("testcase"))
        except (FileNotFoundError, ET.ParseError):  # not a program of ours, or it crashed
            cases = Counter([whole])
        if whole == "failed" and not cases["failed"]:
            cases["failed"] += 1
        total += cases
    return total


def main():
    total = count(pathlib.Path(sys.argv[1]))
    print(total["passed"], total["failed"], total["skipped"])


if __name__ == "__main__":
    main()
