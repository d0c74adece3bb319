"""Two libraries that bundle different versions of one third-party function each call their own."""
import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import hide_symbols  # noqa: E402

# arrow_answer() stands for Arrow's code, the other three for what is bundled with it.
LIBRARY = """
extern "C" int SSL_version_of_bundle() { return VERSION; }
namespace google::protobuf { int Version() { return VERSION; } }
namespace absl { template <class T> int Of() { return VERSION; } }
namespace arrow { struct Schema {}; int Name() { return VERSION; } }
template int absl::Of<arrow::Schema>();
extern "C" int arrow_answer() {
  return SSL_version_of_bundle() + 10 * google::protobuf::Version();
}
"""
# A class of DuckDB's interface, one of its inside, and what it bundles.
DUCKDB = """
namespace icu_66 { int Version() { return 1; } }
namespace duckdb {
struct Value { virtual ~Value(); };
Value::~Value() {}
struct ValueNode { virtual int Get(); };
int ValueNode::Get() { return icu_66::Version(); }
struct PhysicalOperator { template <class T> static T Of(Value) { return T(); } };
template Value PhysicalOperator::Of<Value>(Value);
}
extern "C" int duckdb_open() { return duckdb::ValueNode().Get(); }
extern "C" int duckdb_je_malloc() { return 0; }
"""
COMPILER = os.environ.get("CXX", "g++")


def offered(library):
    """The names that the library defines for others to bind to."""
    listing = subprocess.run(["readelf", "--dyn-syms", "--wide", "--demangle", library], check=True,
                             capture_output=True, text=True).stdout
    # Number, value, size, type, binding, visibility, section, name.
    rows = [line.split(maxsplit=7) for line in listing.splitlines() if line.strip()[:1].isdigit()]
    return {row[7] for row in rows if len(row) == 8 and row[5] == "DEFAULT" and row[6] != "UND"}


class HideSymbols(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def build(self, version):
        return self.compile(f"v{version}", LIBRARY.replace("VERSION", str(version)))

    def compile(self, name, text):
        source = self.folder / f"{name}.cc"
        source.write_text(text)
        library = self.folder / f"lib{name}.so"
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O0", "-o", library, source], check=True)
        return library

    def answers(self, *libraries):
        """What arrow_answer() of each library says in a process that loads them all, in order."""
        code = ("import ctypes, sys\n"
                "libraries = [ctypes.CDLL(name, ctypes.RTLD_GLOBAL) for name in sys.argv[1:]]\n"
                "print(*[library.arrow_answer() for library in libraries])")
        return subprocess.run([sys.executable, "-c", code, *map(str, libraries)], check=True,
                              capture_output=True, text=True).stdout.split()

    def test_without_it_the_first_library_answers_for_both(self):
        self.assertEqual(self.answers(self.build(1), self.build(2)), ["11", "11"])

    def test_with_it_each_calls_its_own(self):
        one, two = self.build(1), self.build(2)
        hide_symbols.hide(one)
        hide_symbols.hide(two)
        self.assertEqual(self.answers(one, two), ["11", "22"])

    def test_arrows_own_symbols_stay_and_the_bundled_go(self):
        library = self.build(1)
        hide_symbols.hide(library)
        names = offered(library)
        self.assertIn("arrow_answer", names)
        self.assertIn("arrow::Name()", names)
        self.assertIn("int absl::Of<arrow::Schema>()", names)  # of both: stays
        self.assertNotIn("SSL_version_of_bundle", names)
        self.assertNotIn("google::protobuf::Version()", names)

    def test_the_interface_of_duckdb_stays_and_its_inside_goes(self):
        library = self.compile("duckdb", DUCKDB)
        hide_symbols.hide(library)
        names = offered(library)
        self.assertLessEqual({"duckdb_open", "duckdb::Value::~Value()", "vtable for duckdb::Value",
                              "typeinfo for duckdb::Value"}, names)
        inside = ("icu_66", "ValueNode", "PhysicalOperator", "duckdb_je")
        self.assertEqual([name for name in names if any(each in name for each in inside)], [])
        self.assertEqual(ctypes.CDLL(str(library)).duckdb_open(), 1)

    def test_twice_changes_nothing_more(self):
        library = self.build(1)
        hide_symbols.hide(library)
        once = library.read_bytes()
        hide_symbols.hide(library)
        self.assertEqual(library.read_bytes(), once)
        self.assertEqual(ctypes.CDLL(str(library)).arrow_answer(), 11)

    def test_what_is_no_library_is_refused_and_left_alone(self):
        text = self.folder / "note.txt"
        text.write_text("not a library")
        with self.assertRaisesRegex(ValueError, "note.txt: not a little-endian 64-bit ELF"):
            hide_symbols.hide(text)
        self.assertEqual(text.read_text(), "not a library")


if __name__ == "__main__":
    unittest.main()
