#!/usr/bin/env python3
"""Tests run.py: what it calls a success, and what it writes down for tools/count_tests.py."""
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

RUN = pathlib.Path(__file__).with_name("run.py")


class RunTest(unittest.TestCase):
    def run_cases(self, body, head="class T(unittest.TestCase):\n"):
        """Runs a file of this body; its exit code, and of each case whether it failed."""
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "sample_test.py"
            file.write_text("import unittest\n" + head + body)
            report = pathlib.Path(folder) / "results" / "sample.xml"
            done = subprocess.run([sys.executable, "-B", RUN, report, file], capture_output=True, check=False)
            if not report.exists():
                return done.returncode, None
            return done.returncode, {case.get("name"): case.find("failure") is not None
                                     for case in ET.parse(report).iter("testcase")}

    def test_all_pass(self):
        self.assertEqual(self.run_cases("  def test_a(self): pass\n  def test_b(self): pass\n"),
                         (0, {"test_a": False, "test_b": False}))

    def test_a_failure_and_an_error_are_failures_of_their_cases(self):
        self.assertEqual(self.run_cases("  def test_a(self): self.fail()\n  def test_b(self): 1 / 0\n"
                                        "  def test_c(self): pass\n"),
                         (1, {"test_a": True, "test_b": True, "test_c": False}))

    def test_a_failed_part_fails_its_case(self):
        self.assertEqual(self.run_cases("  def test_a(self):\n    for i in range(3):\n"
                                        "      with self.subTest(i): self.assertEqual(i, 1)\n"),
                         (1, {"test_a": True}))

    def test_a_class_that_cannot_begin_or_end_is_a_failure(self):
        for name in ("setUpClass", "tearDownClass"):
            with self.subTest(name):
                code, cases = self.run_cases(f"  @classmethod\n  def {name}(cls): 1 / 0\n"
                                             "  def test_a(self): pass\n")
                self.assertEqual((code, sum(cases.values())), (1, 1))

    def test_what_is_skipped_is_no_success(self):
        self.assertEqual(self.run_cases("  @unittest.skip('')\n  def test_a(self): pass\n")[0], 1)

    def test_what_fails_as_expected_is_no_success(self):
        self.assertEqual(self.run_cases("  @unittest.expectedFailure\n  def test_a(self): self.fail()\n")[0], 1)

    def test_a_file_without_a_test_is_refused(self):
        self.assertEqual(self.run_cases("  pass\n"), (1, None))

    def test_a_file_that_cannot_be_read_is_no_success(self):
        self.assertEqual(self.run_cases("", head="import no_such_module\n")[0], 1)


if __name__ == "__main__":
    unittest.main()
