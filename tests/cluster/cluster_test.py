"""examples/cluster/run: two servers on PostgreSQL and NATS are one to their clients."""
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest
import urllib.error
import urllib.request
import uuid

import grpc
import jammi
import pyarrow as pa
from google.protobuf import empty_pb2
from jammi._generated.jammi.v1 import catalog_pb2, catalog_pb2_grpc, trigger_pb2, trigger_pb2_grpc

RUN = pathlib.Path(__file__).resolve().parents[2] / "examples/cluster/run"
SERVER = re.compile(r"^server \d  grpc://(\S+)  http://(\S+)  process (\d+)$")
SCHEMA = pa.schema([pa.field("n", pa.int64(), nullable=False)])
TENANT = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a"
LIMIT = 60.0  # seconds; nothing takes that long unless it hangs


def table(*numbers):
    return pa.table({"n": list(numbers)}, schema=SCHEMA)


def numbers_of(message):
    return pa.ipc.open_stream(message.batch.data_header + message.batch.data_body).read_all()["n"].to_pylist()


class Replica:
    def __init__(self, flight, health, pid):
        self.flight, self.health, self.pid = flight, health, int(pid)
        self.channel = grpc.insecure_channel(flight)
        self.db = jammi.connect(f"grpc://{flight}")
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(self.channel)
        self.trigger = trigger_pb2_grpc.TriggerServiceStub(self.channel)

    def subscribe(self, topic, **fields):
        """A subscription that is attached: its headers are there."""
        call = self.trigger.Subscribe(trigger_pb2.SubscribeRequest(topic=trigger_pb2.TopicName(name=topic), **fields),
                                      timeout=LIMIT)
        call.initial_metadata()
        return call

    def ready(self):
        with urllib.request.urlopen(f"http://{self.health}/readyz", timeout=LIMIT) as answer:
            return answer.status == 200

    def close(self):
        self.channel.close()


class Cluster(unittest.TestCase):
    def setUp(self):
        self.run = subprocess.Popen([RUN], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(self.run.stdout.close)
        self.addCleanup(self.stop)
        said, self.replicas, self.folder = [], [], None
        while self.folder is None:
            line = self.run.stdout.readline()
            said.append(line)
            self.assertTrue(line, "the cluster ended: " + "".join(said))
            if match := SERVER.match(line):
                self.replicas.append(Replica(*match.groups()))
            elif match := re.search(r"Logs: (\S+)/server-", line):
                self.folder = pathlib.Path(match.group(1))
        for replica in self.replicas:
            self.addCleanup(replica.close)

    def stop(self):
        if self.run.poll() is None:
            self.run.send_signal(signal.SIGINT)
        return self.run.wait(LIMIT)

    def topic(self, replica):
        name = f"t.{uuid.uuid4()}"
        replica.db.register_topic(name, schema=SCHEMA)
        return name

    def test_two_servers_are_one(self):
        one, two = self.replicas
        self.assertTrue(one.ready() and two.ready())

        topic = self.topic(one)
        self.assertIn(topic, two.db.list_topics())
        live = two.subscribe(topic)
        self.assertEqual([one.db.publish_topic(topic, batch=table(n)) for n in range(3)], [0, 1, 2])
        self.assertEqual([numbers_of(next(live)) for _ in range(3)], [[0], [1], [2]])
        self.assertEqual(two.db.publish_topic(topic, batch=table(3)), 3)
        self.assertEqual(numbers_of(next(live)), [3])
        replay = one.subscribe(topic, from_offset=0, replay_only=True)
        self.assertEqual([numbers_of(message) for message in replay], [[0], [1], [2], [3]])

    def test_a_sessions_tenant_holds_at_both_from_one_call_to_the_next(self):
        one, two = self.replicas
        session = (("jammi-session-id", str(uuid.uuid4())),)

        def set_at(replica, tenant):
            request = catalog_pb2.SetTenantRequest(tenant=catalog_pb2.Tenant(id=tenant))
            replica.catalog.SetTenant(request, metadata=session, timeout=LIMIT)

        def seen_at(replica):
            return replica.catalog.GetTenant(empty_pb2.Empty(), metadata=session, timeout=LIMIT).tenant.id

        other = str(uuid.uuid4())
        for _ in range(20):
            set_at(one, TENANT)
            self.assertEqual(seen_at(two), TENANT)
            set_at(two, other)
            self.assertEqual(seen_at(one), other)

    def test_one_is_killed_and_the_other_goes_on(self):
        one, two = self.replicas
        topic = self.topic(one)
        cut, live = one.subscribe(topic), two.subscribe(topic)
        self.assertEqual(one.db.publish_topic(topic, batch=table(1)), 0)
        os.kill(one.pid, signal.SIGKILL)
        with self.assertRaises(grpc.RpcError) as error:
            while True:
                next(cut)
        self.assertEqual(error.exception.code(), grpc.StatusCode.UNAVAILABLE)
        self.assertIn(f"process {one.pid} ended with 137", self.run.stdout.readline())
        # What the killed one acknowledged is there, and the other serves on.
        self.assertEqual(numbers_of(next(live)), [1])
        self.assertEqual(two.db.publish_topic(topic, batch=table(2)), 1)
        self.assertEqual(numbers_of(next(live)), [2])
        self.assertTrue(two.ready())

    def test_it_stops_and_leaves_nothing(self):
        one, two = self.replicas
        self.assertEqual(self.stop(), 0)
        self.assertFalse(self.folder.exists())
        for replica in (one, two):
            self.assertRaises(ProcessLookupError, os.kill, replica.pid, 0)

    def test_when_it_is_killed_its_servers_end(self):
        self.run.kill()
        self.run.wait(LIMIT)
        end = time.monotonic() + LIMIT
        for replica in self.replicas:
            while time.monotonic() < end:
                try:
                    os.kill(replica.pid, 0)
                except ProcessLookupError:
                    break
            else:
                self.fail(f"process {replica.pid} lives on")
        subprocess.run(["rm", "-rf", self.folder], check=True)


if __name__ == "__main__":
    unittest.main()
