"""Two servers on one PostgreSQL catalog: what a client has chosen, made or written at one counts at the other at the
very next call. (With a broker between them: tests/cluster.)"""
import tempfile

import grpc
import pyarrow as pa
from google.protobuf import empty_pb2

import harness
from generation import PACKAGE, Raw, messages, stub
from harness import Server
from streams_test import StreamTest, table
from topics_test import EVENT, A, B

EMPTY = empty_pb2.Empty()


class Replicas(StreamTest):
    @classmethod
    def setUpClass(cls):
        assert harness.postgres(), "replicas share a PostgreSQL"
        super().setUpClass()
        cls.second_folder = tempfile.TemporaryDirectory(prefix="jammi_clients_")
        cls.addClassCleanup(cls.second_folder.cleanup)
        cls.second = Server(cls.second_folder.name, **cls.variables)
        cls.addClassCleanup(cls.second.stop)

    def connect_to_second(self):
        db = PACKAGE.connect(self.second.target)
        self.addCleanup(db.close)
        return db

    def calls(self, server, package, service, session):
        """A service of one of the servers, in a session that both know."""
        channel = grpc.insecure_channel(server.flight)
        self.addCleanup(channel.close)
        return Raw(stub(channel, package, service), session)

    def replicas(self, session):
        """The catalog service of both, in one session."""
        return [self.calls(server, "catalog", "CatalogService", session) for server in (self.server, self.second)]

    @staticmethod
    def choose(catalog, tenant):
        catalog.SetTenant(messages("catalog").SetTenantRequest(tenant=messages("catalog").Tenant(id=tenant)))

    @staticmethod
    def names(catalog):
        return {topic.name for topic in catalog.ListTopics(messages("catalog").ListTopicsRequest()).topics}

    def test_srv_022_a_binding_changes_on_another_replica_between_two_calls(self):
        """The two calls are of one server and of methods that read and write; the change is at the other."""
        for tenant, name in ((A, "of.a"), (B, "of.b")):
            self.scoped(tenant).register_topic(name, schema=EVENT)
        one, two = self.replicas("changes between calls")
        for here, there in ((one, two), (two, one)) * 10:
            self.choose(there, A)
            self.assertEqual((self.names(here), here.GetTenant(EMPTY).tenant.id), ({"of.a"}, A))
            self.choose(there, B)
            self.assertEqual((self.names(here), here.GetTenant(EMPTY).tenant.id), ({"of.b"}, B))
            there.ClearTenant(EMPTY)
            self.assertEqual((self.names(here), here.GetTenant(EMPTY).tenant.id), (set(), ""))

    def test_srv_025_a_write_is_of_the_tenant_that_the_other_replica_was_told(self):
        session = "writes"
        one, two = self.replicas(session)
        trigger = self.calls(self.second, "trigger", "TriggerService", session)
        for tenant in (A, B):
            self.scoped(tenant).register_topic("written", schema=EVENT)
        for number, tenant in enumerate((A, B, A, A, B)):
            self.choose(one, tenant)
            trigger.Publish(self.publish_request("written", table((number, "X"))))
        self.assertEqual([[message.offset for message in self.replay("written", self.scoped(tenant))]
                          for tenant in (A, B)], [[0, 1, 2], [0, 1]])

    def test_srv_140_srv_143_what_one_makes_or_drops_the_other_knows_at_once(self):
        one, two = self.connect(), self.connect_to_second()
        for here, there in ((one, two), (two, one)) * 5:
            here.register_topic("made", schema=EVENT)
            self.assertEqual(there.publish_topic("made", batch=table((1, "X"))), 0)
            self.assertEqual(here.publish_topic("made", batch=table((2, "X"))), 1)
            there.drop_topic("made")
            self.assertNotIn("made", here.list_topics())
            with self.fails("NOT_FOUND", "made"):
                here.publish_topic("made", batch=table((3, "X")))

    def test_srv_143_what_is_made_anew_at_one_is_not_taken_for_the_old_one_at_the_other(self):
        one, two = self.connect(), self.connect_to_second()
        one.register_topic("anew", schema=EVENT)
        self.assertEqual([one.publish_topic("anew", batch=table((n, "X"))) for n in range(2)], [0, 1])
        two.drop_topic("anew")
        two.register_topic("anew", schema=EVENT)
        self.assertEqual(one.publish_topic("anew", batch=table((7, "Y"))), 0)
        # And with another schema, which the first has never seen.
        other = pa.schema([pa.field("name", pa.utf8(), nullable=False)])
        two.drop_topic("anew")
        two.register_topic("anew", schema=other)
        with self.fails("INVALID_ARGUMENT"):
            one.publish_topic("anew", batch=table((8, "Z")))
        self.assertEqual(one.publish_topic("anew", batch=pa.table({"name": ["n"]}, schema=other)), 0)
        self.assertEqual(len(self.replay("anew")), 1)

    def test_srv_012_what_a_killed_replica_was_told_the_other_knows(self):
        with tempfile.TemporaryDirectory() as folder:
            killed = Server(folder, **self.variables)
            session = "outlives"
            self.choose(self.calls(killed, "catalog", "CatalogService", session), B)
            killed.kill()
        for catalog in self.replicas(session):
            self.assertEqual(catalog.GetTenant(EMPTY).tenant.id, B)
