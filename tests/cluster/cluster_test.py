"""examples/cluster/run: two servers on PostgreSQL and NATS are one to their clients."""
import concurrent.futures
import itertools
import os
import pathlib
import re
import signal
import subprocess
import threading
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
        self.db = self.connect()
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(self.channel)
        self.trigger = trigger_pb2_grpc.TriggerServiceStub(self.channel)

    def connect(self):
        return jammi.connect(f"grpc://{self.flight}")

    def choose(self, tenant, session):
        self.catalog.SetTenant(catalog_pb2.SetTenantRequest(tenant=catalog_pb2.Tenant(id=tenant)), metadata=session,
                               timeout=LIMIT)

    def tenant(self, session):
        return self.catalog.GetTenant(empty_pb2.Empty(), metadata=session, timeout=LIMIT).tenant.id

    def publish(self, topic, number, session=()):
        """The offset of an event of that number."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, SCHEMA) as writer:
            writer.write_table(table(number))
        batch = trigger_pb2.ArrowBatch(data_body=sink.getvalue().to_pybytes())
        return self.trigger.Publish(trigger_pb2.PublishRequest(topic=trigger_pb2.TopicName(name=topic), batch=batch),
                                    metadata=session, timeout=LIMIT).offset

    def subscribe(self, topic, session=(), **fields):
        """A subscription that is attached: its headers are there."""
        call = self.trigger.Subscribe(trigger_pb2.SubscribeRequest(topic=trigger_pb2.TopicName(name=topic), **fields),
                                      metadata=session, timeout=LIMIT)
        call.initial_metadata()
        return call

    def ready(self):
        with urllib.request.urlopen(f"http://{self.health}/readyz", timeout=LIMIT) as answer:
            return answer.status == 200

    def close(self):
        self.channel.close()


class Cluster:
    """A set of servers that runs."""

    def __init__(self):
        self.run = subprocess.Popen([RUN], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said, self.replicas, self.folder = [], [], None
        while self.folder is None:
            line = self.run.stdout.readline()
            said.append(line)
            if not line:
                raise AssertionError("the cluster ended: " + "".join(said))
            if match := SERVER.match(line):
                self.replicas.append(Replica(*match.groups()))
            elif match := re.search(r"Logs: (\S+)/server-", line):
                self.folder = pathlib.Path(match.group(1))

    def stop(self):
        if self.run.poll() is None:
            self.run.send_signal(signal.SIGINT)
        return self.run.wait(LIMIT)

    def close(self):
        self.stop()
        self.run.stdout.close()
        for replica in self.replicas:
            replica.close()


def new_topic(replica):
    name = f"t.{uuid.uuid4()}"
    replica.db.register_topic(name, schema=SCHEMA)
    return name


class AsOne(unittest.TestCase):
    """Servers that run on: all cases have the same."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.close)
        cls.replicas = cls.cluster.replicas

    def test_two_servers_are_one(self):
        one, two = self.replicas
        self.assertTrue(one.ready() and two.ready())
        # The database alone would do: without this nobody sees that JetStream is not used.
        self.assertEqual([replica.db.get_server_info()["broker"] for replica in self.replicas], ["jet_stream"] * 2)

        topic = new_topic(one)
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

        other = str(uuid.uuid4())
        for _ in range(20):
            one.choose(TENANT, session)
            self.assertEqual(two.tenant(session), TENANT)
            two.choose(other, session)
            self.assertEqual(one.tenant(session), other)

    def test_what_is_registered_at_one_takes_events_at_the_other_at_once(self):
        one, two = self.replicas
        for here, there in ((one, two), (two, one)) * 10:
            topic = new_topic(here)
            live = here.subscribe(topic)
            self.assertEqual(there.db.publish_topic(topic, batch=table(7)), 0)
            self.assertEqual(numbers_of(next(live)), [7])

    def test_what_is_dropped_at_one_ends_at_the_other(self):
        one, two = self.replicas
        topic = new_topic(one)
        live = two.subscribe(topic)
        self.assertEqual(two.db.publish_topic(topic, batch=table(1)), 0)
        self.assertEqual(numbers_of(next(live)), [1])
        one.db.drop_topic(topic)
        with self.assertRaises(jammi.errors.NotFound):
            two.db.publish_topic(topic, batch=table(2))
        self.assertNotIn(topic, two.db.list_topics())
        with self.assertRaises((StopIteration, grpc.RpcError)):
            next(live)

    def test_what_both_publish_is_one_sequence_for_all(self):
        topic = new_topic(self.replicas[0])
        live = [replica.subscribe(topic) for replica in self.replicas]

        def publish(writer):
            db = self.replicas[writer % 2].connect()
            return {db.publish_topic(topic, batch=table(100 * writer + n)): 100 * writer + n for n in range(15)}

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            acknowledged = {}
            for own in pool.map(publish, range(4)):
                self.assertEqual(sorted(own), list(own), "a publisher's events are in its order")
                acknowledged |= own
        self.assertEqual(sorted(acknowledged), list(range(60)), "no offset is missing, and none is given twice")
        for call in live:
            delivered = [next(call) for _ in range(60)]
            self.assertEqual({each.offset: numbers_of(each)[0] for each in delivered}, acknowledged)
            self.assertEqual([each.offset for each in delivered], list(range(60)))

    def test_a_tenants_events_stay_its_own_at_both(self):
        one, two = self.replicas
        topic = new_topic(one)  # everybody's
        tenants = [str(uuid.uuid4()) for _ in range(2)]
        sessions = [(("jammi-session-id", str(uuid.uuid4())),) for _ in tenants]
        for session, tenant in zip(sessions, tenants):
            one.choose(tenant, session)
        live = [two.subscribe(topic, session=session) for session in sessions]
        for number, session in enumerate(sessions * 3):
            (one, two)[number % 2].publish(topic, number, session)
        for call, own in zip(live, ([0, 2, 4], [1, 3, 5])):
            self.assertEqual([numbers_of(next(call)) for _ in own], [[number] for number in own])


class Ends(unittest.TestCase):
    """Each case has servers of its own, because it ends some."""

    def setUp(self):
        self.cluster = Cluster()
        self.addCleanup(self.cluster.close)
        self.run, self.replicas, self.folder = self.cluster.run, self.cluster.replicas, self.cluster.folder

    def test_one_is_killed_under_load_and_its_clients_go_on_at_the_other(self):
        """Each publishes until one is gone, then goes on at the other with the event that was not acknowledged."""
        one, two = self.replicas
        topic = new_topic(one)
        session = (("jammi-session-id", str(uuid.uuid4())),)
        one.choose(TENANT, session)
        live = two.subscribe(topic)
        under_way = threading.Barrier(5)

        def publish(writer):
            acknowledged = {}
            for n in itertools.count():
                if n == 10:
                    under_way.wait(LIMIT)
                number = 10_000 * writer + n
                try:
                    acknowledged[one.publish(topic, number)] = number
                except grpc.RpcError as error:
                    self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
                    break
            for number in range(number, number + 10):
                acknowledged[two.publish(topic, number)] = number
            return acknowledged

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(publish, writer) for writer in range(4)]
            under_way.wait(LIMIT)
            os.kill(one.pid, signal.SIGKILL)
            acknowledged = [writer.result(LIMIT) for writer in writers]
        stored = {each.offset: numbers_of(each)[0] for each in two.subscribe(topic, from_offset=0, replay_only=True)}
        self.assertEqual(sorted(stored), list(range(len(stored))))
        for own in acknowledged:
            self.assertLessEqual(own.items(), stored.items(), "what was acknowledged is there, at its offset")
        # An answer that the kill has eaten is an event that is there twice: no more than one of each writer.
        self.assertLessEqual(len(stored), sum(map(len, acknowledged)) + 4)
        self.assertEqual([next(live).offset for _ in stored], sorted(stored))
        self.assertEqual(two.tenant(session), TENANT, "the session is not of the server that was killed")

    def test_one_is_killed_and_the_other_goes_on(self):
        one, two = self.replicas
        topic = new_topic(one)
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
        self.assertEqual(self.cluster.stop(), 0)
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
