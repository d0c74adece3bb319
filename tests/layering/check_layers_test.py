"""The check of the layers finds what it is there for, and nothing else."""
import pathlib
import tempfile
import unittest

import check_layers


class CheckLayers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("src/CMakeLists.txt", "add_subdirectory(base)\nadd_subdirectory(catalog)\n"
                                         "add_subdirectory(predicate)\nadd_subdirectory(trigger)\n")
        self.write("src/base/text.h", "#include <string>\n")
        self.write("src/trigger/feed.h", '#include "base/text.h"\n#include "trigger/ring.h"\n')
        self.write("src/trigger/ring.h", '#include "jammi/ids.h"\n')
        self.write("include/jammi/ids.h", '#include <array>\n#include "jammi/result.h"\n'
                                          "#include <arrow/type_fwd.h>\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def offences(self):
        return check_layers.offences(self.root)

    def test_downwards_is_fine(self):
        self.assertEqual(self.offences(), [])

    def test_upwards_is_named(self):
        self.write("src/base/text.cc", '#include "base/text.h"\n#  include "trigger/feed.h"\n')
        self.assertEqual(self.offences(),
                         ["src/base/text.cc: base/ may not include upwards: trigger/feed.h"])

    def test_a_foreign_folder_of_the_same_name_is_not_ours(self):
        self.write("src/base/text.cc", "#include <catalog/somebody_elses.h>\n")
        self.assertEqual(self.offences(), [])

    def test_foreign_headers_stay_in_their_folder(self):
        self.write("src/catalog/sqlite/writer.cc", "#include <sqlite3.h>\n")
        self.write("src/predicate/bind.cc", '#include "duckdb.hpp"\n#include "duckdb/parser/parser.hpp"\n')
        self.assertEqual(self.offences(), [])
        self.write("src/trigger/ring.cc", '#include "nats/jetstream.h"\n')  # ours
        self.assertEqual(self.offences(), [])
        self.write("src/trigger/wire.cc", "#include <nats/nats.h>\n")
        self.assertEqual(self.offences(), ["src/trigger/wire.cc: only nats may include nats/nats.h"])
        (self.root / "src/trigger/wire.cc").unlink()
        self.write("src/catalog/models.cc", "#include <sqlite3.h>\n")
        self.write("src/trigger/feed.cc", "#include <duckdb.hpp>\n")
        self.assertEqual(self.offences(),
                         ["src/catalog/models.cc: only catalog/sqlite may include sqlite3.h",
                          "src/trigger/feed.cc: only predicate and sql may include duckdb.hpp"])

    def test_public_headers_include_no_foreign_and_no_private_header(self):
        self.write("include/jammi/bad.h", '#include <arrow/api.h>\n#include "base/text.h"\n'
                                          "#include <sys/mman.h>\n")
        self.assertEqual(self.offences(),
                         [f"include/jammi/bad.h: a public header may not include {header}"
                          for header in ("arrow/api.h", "base/text.h", "sys/mman.h")])

    def test_a_folder_that_the_build_does_not_know_is_named(self):
        self.write("src/extra/thing.cc", "")
        self.assertEqual(self.offences(), ["src/extra/thing.cc: extra/ is not in src/CMakeLists.txt"])


if __name__ == "__main__":
    unittest.main()
