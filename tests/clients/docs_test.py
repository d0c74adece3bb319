"""docs/clients.md: every example runs, and prints what stands beside it."""
import contextlib
import io
import os
import pathlib
import re
import subprocess

from audit_test import KEY
from generation import ClientTest

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "clients.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


def blocks(language):
    return [code for found, code in BLOCK.findall(PAGE.read_text()) if found == language]


def promised(code, line_that_prints):
    """What the comments behind lines that print say."""
    return [match.group(1) for match in re.finditer(rf"^{line_that_prints}.*?  # (.*)$", code, re.M)]


class Docs(ClientTest):
    VARIABLES = {"JAMMI_AUDIT_MASTER_KEY": KEY}

    def setUp(self):
        os.environ["JAMMI_TARGET"] = self.server.target
        os.environ["JAMMI_HEALTH"] = self.server.health

    def test_python(self):
        code = blocks("python")
        self.assertGreater(len(code), 7)
        names = {}
        for block in code:
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(block, PAGE.name, "exec"), names)
            # A line in a loop prints its comment's words line by line.
            said = " ".join(promised(block, r" *print\("))
            self.assertEqual(" ".join(printed.getvalue().split("\n")).strip(), said, block)

    def test_every_line_that_prints_says_what(self):
        for block in blocks("python"):
            self.assertEqual(len(promised(block, r" *print\(")), block.count("print("), block)

    def test_sh(self):
        (block,) = blocks("sh")
        lines = [line for line in block.splitlines() if line]
        for line in lines:
            with self.subTest(line):
                done = subprocess.run(["bash", "-euo", "pipefail", "-c", line], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual([done.stdout.strip()], promised(line, ""))
