"""The check of the verbs finds a verb that nobody drives, and an entry without a verb."""
import pathlib
import tempfile
import unittest

import check_verbs
from check_verbs import offences

HEADER = """
class Things {
 public:
  explicit Things(CatalogAccess access) : access_(std::move(access)) {}
  [[nodiscard]] Things WithDeadline(Deadline deadline) const;
  // [[nodiscard]] Result<void> Gone();
  [[nodiscard]] Result<Page<Thing>> List(int page_size,
                                         std::string_view page_token) const;
  [[nodiscard]] Result<void> Delete(std::string_view name);

 private:
  [[nodiscard]] Result<Thing> Find(std::string_view name) const;
  CatalogAccess access_;
};
class Engine {
 public:
  [[nodiscard]] Result<void> Start();
};
"""
TABLE = """
      {"Things::List", kRead,
       [](W& w, const Scope& s, Draw& d) { return w.Answered(s, d, w.things(s).List(1, "")); }},
      {"Things::Delete", kWrite, nullptr},
"""


class CheckVerbs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        exempt, check_verbs.EXEMPT = check_verbs.EXEMPT, set()
        self.addCleanup(setattr, check_verbs, "EXEMPT", exempt)
        self.write("include/jammi/things.h", HEADER)
        self.write("src/catalog/proof/thing_verbs.h", TABLE)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def test_verbs_that_are_driven_are_fine(self):
        self.assertEqual(list(offences(self.root)), [])

    def test_a_verb_that_nobody_drives_is_named(self):
        self.write("include/jammi/things.h", HEADER.replace("Delete(", "Clear();\n  Result<void> Delete("))
        self.assertEqual(list(offences(self.root)),
                         ["include/jammi/things.h: no table in src/catalog/proof drives Things::Clear"])

    def test_an_entry_without_a_verb_is_named(self):
        self.write("include/jammi/things.h", HEADER.replace("Delete(", "Remove("))
        self.assertIn("src/catalog/proof: there is no verb Things::Delete", list(offences(self.root)))


if __name__ == "__main__":
    unittest.main()
