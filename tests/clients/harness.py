"""Runs jammi-server for tests: starts it as the published clients' own harness does, finds its ports in the
ready line, and fails when it did not end well."""
import atexit
import concurrent.futures
import functools
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile
import time
import unittest

READY = re.compile(r"^jammi-server listening flight=(\S+) health=(\S+)$")
LIMIT = 60.0  # seconds; nothing here takes that long unless it hangs
BAD_SIGNS = ("Sanitizer", "runtime error:", "terminate called", "Assertion")


def program():
    """The server that is on trial."""
    return os.environ["JAMMI_TEST_SERVER"]


def environment(folder, variables):
    """What the published harness sets, and nothing of ours that the tests' caller may have set."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("JAMMI_")}
    return own | {
        "JAMMI_ARTIFACT_DIR": str(folder),
        "JAMMI_SERVER__FLIGHT_LISTEN": "127.0.0.1:0",
        "JAMMI_SERVER__HEALTH_LISTEN": "127.0.0.1:0",
        "JAMMI_SERVER__SERVICES": "all",
    } | variables


@functools.cache
def postgres():
    """The PostgreSQL of this run (postgres.cc), which ends with it; None: the run is on SQLite."""
    if "JAMMI_TEST_POSTGRES" not in os.environ:
        return None
    process = subprocess.Popen([os.environ["JAMMI_TEST_POSTGRES"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               text=True)
    atexit.register(process.communicate)
    return process


def new_catalog():
    """The variables of a server whose catalog is a new one."""
    if not postgres():
        return {}
    print(file=postgres().stdin, flush=True)
    return {"JAMMI_CATALOG__KIND": "postgres", "JAMMI_CATALOG__URL": postgres().stdout.readline().strip()}


class Server:
    """One running server. `folder` is its artifact directory; it stays when the server ends."""

    def __init__(self, folder, **variables):
        self.folder = pathlib.Path(folder)
        self._err = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen([program()], env=environment(folder, variables), cwd=folder,
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._err)
        self.flight, self.health = self._read_ready_line()
        # Whatever else it prints must not fill the pipe.
        self._rest = concurrent.futures.ThreadPoolExecutor(1)
        self._printed = self._rest.submit(self._process.stdout.read)

    @property
    def target(self):
        return f"grpc://{self.flight}"

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        """Ends it as an operator does."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(LIMIT)
        self._check(code == 0, f"jammi-server ended with {code}")

    def kill(self):
        """Ends it as a power cut does."""
        self._process.kill()
        code = self._process.wait(LIMIT)
        self._check(code == -signal.SIGKILL, f"jammi-server had ended before it was killed, with {code}")

    def _check(self, ended_well, what):
        printed = self._printed.result(LIMIT).decode(errors="replace")
        self._rest.shutdown()
        self._process.stdout.close()
        self._err.seek(0)
        err = self._err.read()
        self._err.close()
        if not ended_well or any(sign in err for sign in BAD_SIGNS):
            raise AssertionError(f"{what}\n--- stdout\n{printed}\n--- stderr\n{err}")

    def _read_ready_line(self):
        end = time.monotonic() + LIMIT
        text = b""
        while time.monotonic() < end:
            if not select.select([self._process.stdout], [], [], end - time.monotonic())[0]:
                break
            piece = os.read(self._process.stdout.fileno(), 65536)
            if not piece:
                break
            text += piece
            for line in text.decode(errors="replace").splitlines():
                if match := READY.match(line):
                    return match.groups()
        self._process.kill()
        self._process.wait(LIMIT)
        self._err.seek(0)
        raise AssertionError(f"no ready line; stdout: {text!r}; stderr: {self._err.read()}")


class ServerTest(unittest.TestCase):
    """Tests that share one server, started with VARIABLES on an empty folder and a new catalog."""

    VARIABLES = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="jammi_clients_")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.variables = cls.VARIABLES | new_catalog()
        cls.prepare(cls.folder.name)
        cls.server = Server(cls.folder.name, **cls.variables)
        cls.addClassCleanup(cls._stop)

    @classmethod
    def prepare(cls, folder):
        """What must be in the folder, in `variables` and in the catalog before the server starts."""

    @classmethod
    def restart(cls, end=Server.stop):
        end(cls.server)
        cls.server = Server(cls.folder.name, **cls.variables)

    @classmethod
    def _stop(cls):
        # A server that a test has ended for good has been looked at already.
        if cls.server is not None:
            cls.server.stop()

    def in_background(self, function, *arguments):
        """A future of the call; the test does not end before it."""
        pool = concurrent.futures.ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        return pool.submit(function, *arguments)

