#!/usr/bin/env python3
"""Runs test files and writes a JUnit report for tools/count_tests.py.

usage: run.py REPORT FILE...

Exits 1 if a test failed, was skipped, or if a file had none.
"""
import os
import pathlib
import sys
import time
import unittest
import xml.etree.ElementTree as ET


class Report(unittest.TextTestResult):
    """Each case with its time; a failed subtest fails its case."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.cases = []

    def startTest(self, test):
        super().startTest(test)
        self._began = time.monotonic()

    def stopTest(self, test):
        super().stopTest(test)
        self.cases.append((test.id(), time.monotonic() - self._began))


def write(report, path):
    bad = {test.id() for test, _ in report.failures + report.errors if hasattr(test, "_testMethodName")}
    # Of a subtest the case, and of a fixture of a class its name, which is no case's.
    bad |= {test.test_case.id() for test, _ in report.failures + report.errors if hasattr(test, "test_case")}
    others = {str(test) for test, _ in report.errors if not hasattr(test, "_testMethodName")
              and not hasattr(test, "test_case")}
    suite = ET.Element("testsuite", name=path.stem)
    for name, seconds in report.cases + [(name, 0.0) for name in sorted(others)]:
        group, _, case = name.rpartition(".")
        entry = ET.SubElement(suite, "testcase", classname=group, name=case, time=f"{seconds:.3f}", status="run")
        if name in bad | others:
            ET.SubElement(entry, "failure", message="see the output")
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(suite).write(path)


def load(file):
    found = unittest.defaultTestLoader.loadTestsFromName(pathlib.Path(file).stem)
    if not found.countTestCases():
        sys.exit(f"{file} holds no test")
    return found


def main():
    path, *files = sys.argv[1:]
    sys.path[:0] = sorted({os.path.dirname(os.path.abspath(file)) for file in files})
    tests = unittest.TestSuite(load(file) for file in files)
    report = unittest.TextTestRunner(resultclass=Report, verbosity=1).run(tests)
    write(report, pathlib.Path(path))
    sys.exit(not report.wasSuccessful() or bool(report.skipped or report.expectedFailures))


if __name__ == "__main__":
    main()
