"""What the server says of itself, and how clients find it."""
import pathlib
import tempfile
import unittest

from google.protobuf import empty_pb2

import harness
from generation import EXPECTED_VERSION, NEW, PACKAGE, ClientTest

EMPTY = empty_pb2.Empty()


class Info(ClientTest):
    def test_the_client_is_the_published_one(self):
        self.assertEqual(PACKAGE.__version__, EXPECTED_VERSION)

    def test_the_catalog_is_where_this_run_is_said_to_have_it(self):
        self.assertEqual(pathlib.Path(self.folder.name, "catalog.db").exists(), harness.postgres() is None)

    def test_srv_070_case_64_server_info(self):
        info = self.connect().get_server_info()
        self.assertRegex(info["version"], r"^\d+\.\d+\.\d+$")
        for list_ in ("features", "storage_backends", "services"):
            self.assertEqual(info[list_], sorted(set(info[list_])), list_)
        self.assertLessEqual({"file", "memory"}, set(info["storage_backends"]))
        self.assertIn("core", info["services"])
        # Wire 14.1: whoever reads "train" there would call what is not served.
        self.assertNotIn("train", info["services"])
        if NEW:
            self.assertEqual(info["broker"], "in_memory")

    def test_srv_070_needs_no_header(self):
        info = self.raw("catalog", "CatalogService").GetServerInfo(EMPTY)
        self.assertIn("core", info.services)

    def test_metadata_that_the_server_does_not_know_is_no_error(self):
        catalog = self.raw("catalog", "CatalogService")
        catalog._metadata = (("traceparent", "00-11111111111111111111111111111111-2222222222222222-01"),
                             ("x-of-mine", "1"), ("x-binary-bin", b"\x00\xff"))
        self.assertIn("core", catalog.GetServerInfo(EMPTY).services)

    def test_no_server_is_found_out_at_the_first_call(self):
        # Nobody listens on port 1 of this machine.
        db = PACKAGE.connect("grpc://127.0.0.1:1")
        self.addCleanup(db.close)
        with self.fails("UNAVAILABLE"):
            db.get_server_info()

    def test_a_target_without_a_scheme_is_refused_by_the_client(self):
        with self.assertRaises(ValueError):
            PACKAGE.connect(self.server.flight)

    def test_http_is_a_plain_connection_too(self):
        with PACKAGE.connect(f"http://{self.server.flight}") as db:
            self.assertIn("core", db.get_server_info()["services"])

    def test_a_bearer_token_that_nobody_asks_for_is_no_error(self):
        db = self.connect(credentials=PACKAGE.BearerCredentials("secret"))
        self.assertIn("core", db.get_server_info()["services"])

    def test_each_connection_has_a_session_of_its_own(self):
        self.assertNotEqual(self.connect().session_id, self.connect().session_id)


if NEW:

    class PublishedHarness(unittest.TestCase):
        def test_server_10_the_clients_own_harness_runs_this_server(self):
            from jammi.testing import LiveServer
            with tempfile.TemporaryDirectory() as folder:
                with LiveServer(folder, server_bin=harness.program()) as server:
                    with PACKAGE.connect(server.endpoint) as db:
                        self.assertIn("core", db.get_server_info()["services"])
                self.assertEqual(server.returncode, 0)
