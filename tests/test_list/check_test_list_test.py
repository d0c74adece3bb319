"""The check of the test list finds forgotten and switched-off tests."""
import json
import pathlib
import tempfile
import unittest

from check_test_list import offences


class CheckTestList(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        (self.root / "src").mkdir()
        (self.root / "tests").mkdir()
        self.database = self.root / "compile_commands.json"

    def offences(self, compiled):
        self.database.write_text(json.dumps(
            [{"directory": str(self.root), "file": name} for name in compiled]), encoding="utf-8")
        return list(offences(self.root, self.database))

    def write(self, name, text=""):
        (self.root / name).write_text(text, encoding="utf-8")

    def test_a_compiled_test_is_fine(self):
        self.write("src/text_test.cc", "TEST(Text, Trims) {}")
        self.assertEqual(self.offences(["src/text_test.cc"]), [])

    def test_a_test_that_is_compiled_with_others_is_fine(self):
        self.write("src/text_test.cc", "TEST(Text, Trims) {}")
        self.write("together.cc", '#include "src/text_test.cc"\n#include "src/other_test.cc"\n')
        self.assertEqual(self.offences(["together.cc"]), [])

    def test_a_forgotten_test_is_named(self):
        self.write("src/text_test.cc")
        self.write("tests/lost_natstest.cc")
        self.assertEqual(self.offences([]), ["src/text_test.cc: no target compiles this test",
                                             "tests/lost_natstest.cc: no target compiles this test"])

    def test_a_switched_off_test_is_named(self):
        off = "DISABLED_" + "Trims"
        self.write("src/text_test.cc", f"TEST(Text, {off}) {{}}\n")
        self.assertEqual(self.offences(["src/text_test.cc"]), [f"src/text_test.cc: switched off: {off}"])

    def test_a_test_that_needs_a_server_may_skip(self):
        self.write("src/list_pgtest.cc", "GTEST_" + "SKIP() << why;")
        self.assertEqual(self.offences(["src/list_pgtest.cc"]), [])


if __name__ == "__main__":
    unittest.main()
