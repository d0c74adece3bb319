"""The check of the documents finds dead links and forgotten pages."""
import pathlib
import tempfile
import unittest

from check_links import offences


class CheckLinks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        self.write("README.md", "[docs](docs/README.md), [part](docs/a.md#part), [out](https://x.org)\n"
                                "```\nargv[0](no_link)\n```\n")
        self.write("docs/README.md", "[a](a.md)\n")
        self.write("docs/a.md", "text\n")
        self.write("build/copy.md", "[dead](dead.md)\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def test_links_that_lead_somewhere_are_fine(self):
        self.assertEqual(list(offences(self.root)), [])

    def test_a_dead_link_is_named(self):
        self.write("docs/a.md", "[gone](../gone.md)\n")
        self.assertEqual(list(offences(self.root)), ["docs/a.md: the link to ../gone.md leads nowhere"])

    def test_a_page_that_the_index_forgot_is_named(self):
        self.write("docs/b.md", "text\n")
        self.assertEqual(list(offences(self.root)), ["docs/README.md does not name b.md"])


if __name__ == "__main__":
    unittest.main()
