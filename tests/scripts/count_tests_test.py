"""The closing line of ./test says what happened: also when a test program crashed."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import count_tests  # noqa: E402

CTEST = """<testsuite>
  <testcase name="base_test" status="{program}"/>
  <testcase name="layering" status="{script}"/>
</testsuite>"""
CASES = """<testsuites><testsuite>
  <testcase name="A" status="run"/>
  <testcase name="B" status="run">{inside}</testcase>
</testsuite></testsuites>"""


class CountTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        (self.build / "results").mkdir()

    def count(self, program="run", script="run", cases=None):
        (self.build / "ctest.xml").write_text(CTEST.format(program=program, script=script))
        if cases is not None:
            (self.build / "results" / "base_test.xml").write_text(cases)
        total = count_tests.count(self.build)
        return total["passed"], total["failed"], total["skipped"]

    def test_the_cases_of_a_program_count_each_and_a_script_counts_one(self):
        self.assertEqual(self.count(cases=CASES.format(inside="")), (3, 0, 0))

    def test_a_failed_case(self):
        self.assertEqual(self.count("fail", cases=CASES.format(inside="<failure/>")), (2, 1, 0))

    def test_a_skipped_case_and_a_failed_script(self):
        self.assertEqual(self.count(script="fail", cases=CASES.format(inside="<skipped/>")), (1, 1, 1))

    def test_a_crash_leaves_no_report_and_is_one_failure(self):
        self.assertEqual(self.count("fail"), (1, 1, 0))

    def test_a_crash_may_leave_half_a_report(self):
        self.assertEqual(self.count("fail", cases="<testsuites><testsu"), (1, 1, 0))

    def test_a_report_of_a_leak_after_the_last_case_is_a_failure(self):
        self.assertEqual(self.count("fail", cases=CASES.format(inside="")), (3, 1, 0))

    def test_a_program_that_could_not_be_started_is_a_failure(self):
        self.assertEqual(self.count("notrun"), (1, 1, 0))

    def test_an_entry_that_is_switched_off_is_skipped(self):
        self.assertEqual(self.count(script="disabled", cases=CASES.format(inside="")), (2, 0, 1))


if __name__ == "__main__":
    unittest.main()
