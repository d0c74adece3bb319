"""Both generations of the client on one server at the same time."""
import json
import os
import pathlib
import subprocess

from generation import NEW
from streams_test import StreamTest, rows_of, table
from topics_test import EVENT, A


class Peer:
    """The client of the other generation."""

    def __init__(self, target):
        program = pathlib.Path(__file__).with_name("peer.py")
        self._process = subprocess.Popen([os.environ["JAMMI_TEST_PEER_PYTHON"], "-B", program, target],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __getattr__(self, verb):
        def call(*arguments, **options):
            print(json.dumps([verb, arguments, options]), file=self._process.stdin, flush=True)
            answer = json.loads(self._process.stdout.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return answer["value"]
        return call

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Together(StreamTest):
    def setUp(self):
        self.assertTrue(NEW, "runs in the environment of the new client")
        self.new = self.connect()
        self.old = Peer(self.server.target)
        self.addCleanup(self.old.close)

    def test_they_are_of_two_generations(self):
        self.assertEqual(self.old.get_server_info(), {name: value for name, value in
                                                      self.new.get_server_info().items() if name != "broker"})

    def test_the_new_one_reads_what_the_old_one_published(self):
        self.old.register_topic("from.old", schema=True, broker_metadata={"retention_seconds": "3600"})
        self.assertEqual(self.old.publish_topic("from.old", batch=[[1, "X", 0.5], [2, "Y", None]]), 0)
        self.assertIn("from.old", self.new.list_topics())
        self.assertEqual(self.collect(self.new, "from.old", 1, from_offset=0), table((1, "X", 0.5), (2, "Y", None)))

    def test_the_old_one_reads_what_the_new_one_published(self):
        self.new.register_topic("from.new", schema=EVENT)
        for number in range(3):
            self.assertEqual(self.new.publish_topic("from.new", batch=table((number, "X"))), number)
        self.assertEqual(self.old.subscribe_collect("from.new", from_offset=1, max_batches=2),
                         [[1, "X", None], [2, "X", None]])

    def test_stream_case_29_two_live_subscriptions_are_given_the_same(self):
        self.new.register_topic("both.live", schema=EVENT)
        old = self.in_background(lambda: self.old.subscribe_collect("both.live", from_offset=0, max_batches=6))
        new = self.subscribe("both.live", from_offset=0)
        for number in range(6):
            self.new.publish_topic("both.live", batch=table((number, "X")))
        taken = [list(row.values()) for message in self.take(new, 6) for row in rows_of(message).to_pylist()]
        self.assertEqual(old.result(60), taken)

    def test_what_is_of_a_tenant_is_there_for_both(self):
        self.old.set_tenant(A)
        self.old.register_channel("of_old", priority=9, columns=[["x", "Utf8"]])
        self.assertNotIn("of_old", [each["channel_id"] for each in self.new.list_channels()])
        self.new.set_tenant(A)
        self.assertEqual(self.new.list_channels(), self.old.list_channels())

    def test_each_learns_of_failures_in_its_own_way(self):
        with self.fails("NOT_FOUND", leaf="ModelNotFound"):
            self.new.delete_model("absent")
        with self.assertRaisesRegex(RuntimeError, "StatusCode.NOT_FOUND"):
            self.old.delete_model("absent")
