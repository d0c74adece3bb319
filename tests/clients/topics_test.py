"""Topics: their lives. Their events are in streams_test.py."""
import uuid

import pyarrow as pa

from generation import NEW, OLD, ClientTest, messages
from tables_test import EVERY_TYPE, schema_bytes

A = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a"
B = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9b"
EVENT = pa.schema([pa.field("id", pa.int64(), nullable=False), pa.field("kind", pa.utf8(), nullable=False),
                   pa.field("value", pa.float64())])


class Topics(ClientTest):
    def scoped(self, tenant):
        db = self.connect()
        db.set_tenant(tenant)
        return db

    def bare(self, db=None):
        return self.raw("catalog", "CatalogService", db.session_id if db else None)

    def topics(self, db):
        """The messages of the list: the client shows the names only."""
        return {topic.name: topic for topic in self.bare(db).ListTopics(
            messages("catalog").ListTopicsRequest()).topics}

    def drop(self, db, topic_id, **options):
        self.bare(db).DropTopic(messages("catalog").DropTopicRequest(topic_id=topic_id, **options))

    def test_case_36_srv_140_srv_142_register_list_drop(self):
        db = self.connect()
        topic = db.register_topic("events.demo", schema=EVENT)
        self.assertEqual(uuid.UUID(topic).version, 7)
        self.assertIn("events.demo", db.list_topics())
        listed = self.topics(db)["events.demo"]
        self.assertEqual((listed.topic_id, listed.tenant_id), (topic, ""))
        self.assertEqual(pa.ipc.open_stream(listed.schema).schema, EVENT)
        db.drop_topic("events.demo")
        self.assertNotIn("events.demo", db.list_topics())

    def test_srv_140_every_type_that_a_topic_may_have(self):
        db = self.connect()
        db.register_topic("typed", schema=EVERY_TYPE)
        self.assertEqual(pa.ipc.open_stream(self.topics(db)["typed"].schema).schema, EVERY_TYPE)

    if OLD:

        def test_stream_case_08_broker_metadata_comes_back(self):
            db = self.connect()
            db.register_topic("kept", schema=EVENT, broker_metadata={"retention_seconds": "3600"})
            self.assertEqual(dict(self.topics(db)["kept"].broker_metadata), {"retention_seconds": "3600"})

    def test_case_37_stream_case_28_the_server_makes_the_id(self):
        catalog = messages("catalog")
        given = "018f5a0e-c4c8-7e10-9c4f-000000000001"
        made = set()
        for tenant in (A, B):
            made.add(self.bare(self.scoped(tenant)).RegisterTopic(catalog.RegisterTopicRequest(
                name="case37", schema=schema_bytes(EVENT), topic_id=given)).topic_id)
        self.assertEqual(len(made), 2)
        self.assertNotIn(given, made)

    def test_srv_140_what_a_topic_must_be(self):
        catalog = messages("catalog")
        for fields in (dict(name=""), dict(schema=b""), dict(schema=b"garbage")):
            with self.subTest(str(fields)), self.fails_raw("INVALID_ARGUMENT"):
                self.bare().RegisterTopic(catalog.RegisterTopicRequest(
                    **{"name": "bad", "schema": schema_bytes(EVENT)} | fields))
        nested = pa.int64()
        for _ in range(64):
            nested = pa.list_(nested)
        unstorable = pa.schema([pa.field("l", nested)])
        with self.fails("INVALID_ARGUMENT", "'l'"):
            self.connect().register_topic("bad", schema=unstorable)
        with self.fails_raw("INVALID_ARGUMENT", with_detail="TriggerErrorDetail.unsupported_schema_type"):
            self.bare().RegisterTopic(catalog.RegisterTopicRequest(name="bad", schema=schema_bytes(unstorable)))
        self.assertNotIn("bad", self.connect().list_topics())

    def test_srv_141_a_name_is_taken_once_in_each_scope(self):
        for db in (self.connect(), self.scoped(A)):
            db.register_topic("once", schema=EVENT)
            with self.fails("ALREADY_EXISTS", "once"):
                db.register_topic("once", schema=EVENT)

    def test_stream_case_28_case_38_dropping_what_is_not_there(self):
        db = self.connect()
        missing = "018f5a0e-c4c8-7e10-9c4f-000000000002"
        self.drop(db, missing, if_exists=True)
        with self.fails_raw("NOT_FOUND", with_detail="TriggerErrorDetail.topic_not_found"):
            self.drop(db, missing)
        for bad in ("", "no-uuid"):
            with self.subTest(bad), self.fails_raw("INVALID_ARGUMENT"):
                self.drop(db, bad)

    def test_srv_144_stream_case_23_the_client_looks_names_up(self):
        db = self.connect()
        db.drop_topic("never.registered", if_exists=True)
        with self.refused_by_the_client("never.registered"):
            db.drop_topic("never.registered")

    def test_case_10_srv_142_topics_of_the_tenant_and_of_all(self):
        a, b, everybody = self.scoped(A), self.scoped(B), self.connect()
        for db, name in ((a, "case10.a"), (b, "case10.b"), (everybody, "case10.all")):
            db.register_topic(name, schema=EVENT)

        def seen(db):
            return {name for name in db.list_topics() if name.startswith("case10.")}

        self.assertEqual(seen(a), {"case10.a", "case10.all"})
        self.assertEqual(seen(b), {"case10.b", "case10.all"})
        self.assertEqual(seen(everybody), {"case10.all"})  # case 12
        self.assertEqual(self.topics(a)["case10.a"].tenant_id, A)

    def test_stream_case_28_srv_143_nobody_drops_what_is_not_his(self):
        a, b, everybody = self.scoped(A), self.scoped(B), self.connect()
        of_a = a.register_topic("case28.a", schema=EVENT)
        of_all = everybody.register_topic("case28.all", schema=EVENT)
        for db, topic in ((b, of_a), (everybody, of_a), (b, of_all)):
            with self.fails_raw("NOT_FOUND", with_detail="TriggerErrorDetail.topic_not_found"):
                self.drop(db, topic)
            self.drop(db, topic, if_exists=True)
        self.assertIn("case28.a", a.list_topics())
        self.assertIn("case28.all", b.list_topics())

    def test_a_topic_is_listed_once_and_in_the_order_of_creation(self):
        db = self.scoped("018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e03")
        names = [f"order.{letter}" for letter in "zamb"]
        for name in names:
            db.register_topic(name, schema=EVENT)
        self.assertEqual([name for name in db.list_topics() if name.startswith("order.")], names)
