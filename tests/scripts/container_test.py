#!/usr/bin/env python3
"""SRV-013: what is promised of the container, against the file that it is built from."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def last_stage(text):
    """The instructions of the stage that becomes the image, a list of (word, rest); continued lines joined."""
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    instructions = [tuple(line.split(None, 1)) for line in lines if line.strip() and not line.startswith("#")]
    last = max(i for i, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[last:]


class Srv013Container(unittest.TestCase):
    def setUp(self):
        self.stage = last_stage((ROOT / "packaging/Dockerfile").read_text())

    def only(self, word):
        found = [rest for name, rest in self.stage if name == word]
        self.assertEqual(len(found), 1, f"{word} stands there {len(found)} times")
        return found[0]

    def test_an_ordinary_user_runs_it(self):
        self.assertEqual(self.only("USER"), "65532:65532")

    def test_its_state_is_a_volume(self):
        self.assertEqual(self.only("VOLUME"), "/var/lib/jammi")
        self.assertIn("JAMMI_ARTIFACT_DIR=/var/lib/jammi", self.only("ENV").split())

    def test_both_ports_are_open_to_the_outside(self):
        self.assertEqual(self.only("EXPOSE"), "8080 8081")
        env = self.only("ENV").split()
        self.assertIn("JAMMI_SERVER__HEALTH_LISTEN=0.0.0.0:8080", env)
        self.assertIn("JAMMI_SERVER__FLIGHT_LISTEN=0.0.0.0:8081", env)

    def test_the_program_is_started_without_a_shell(self):
        self.assertEqual(self.only("ENTRYPOINT"), '["/usr/bin/jammi-server"]')
        # W-16: and it is what asks whether it is ready.
        self.assertIn('CMD ["/usr/bin/jammi-server", "--health", "127.0.0.1:8080"]', self.only("HEALTHCHECK"))

    def test_there_is_no_shell_in_it(self):
        self.assertEqual(self.only("FROM"), "scratch")
        self.assertEqual([word for word, _ in self.stage if word in ("RUN", "ADD", "SHELL", "CMD")], [])
        self.assertEqual(self.only("COPY"), "--from=build /root_of_image /")
        copied = re.findall(r"^\s*cp .*$", (ROOT / "packaging/image_root").read_text(), re.MULTILINE)
        self.assertGreater(len(copied), 2)
        for line in copied:
            self.assertNotRegex(line, r"/bin/(ba|da|)sh\b|busybox")


if __name__ == "__main__":
    unittest.main()
