"""What is there after the server has ended, in order or not, and was started again; and how it ends."""
import uuid

import grpc
from google.protobuf import empty_pb2

from audit_test import KEY, AuditTest
from generation import LIMIT, messages
from harness import Server
from streams_test import StreamTest, rows_of, table
from tables_test import NOTES
from topics_test import A


class Restart(StreamTest, AuditTest):
    VARIABLES = {"JAMMI_AUDIT_MASTER_KEY": KEY}

    # Both classes before it have a bare().
    def audit(self, session):
        return self.raw("audit", "AuditService", session)

    def restart_and_look(self, end):
        db = self.scoped(A)
        name = self.topic(db)
        table_id = f"t_{uuid.uuid4().hex}"
        db.create_mutable_table(table_id, schema=NOTES, primary_key=["note_id"], order_column="note_id")
        db.register_channel(f"c_{uuid.uuid4().hex}", priority=40, columns=[("x", "Utf8"), ("a", "Int32")])
        for number in range(3):
            db.publish_topic(name, batch=table((number, "X")))
        record = self.record()
        self.log(self.audit(db.session_id), record)
        before = (db.list_topics(), db.list_mutable_tables(), db.list_channels(),
                  self.recent(self.audit(db.session_id), 10))
        session = db.session_id

        self.restart(end)

        # The client would say the same session id; its channel knows the old port only.
        catalog = self.raw("catalog", "CatalogService", session)
        self.assertEqual(catalog.GetTenant(empty_pb2.Empty()).tenant.id, A)
        db = self.scoped(A)
        self.assertEqual((db.list_topics(), db.list_mutable_tables(), db.list_channels(),
                          self.recent(self.audit(db.session_id), 10)), before)
        self.assertEqual([rows_of(message).column("id")[0].as_py() for message in self.replay(name, db)], [0, 1, 2])
        self.assertEqual(db.publish_topic(name, batch=table((3, "X"))), 3)
        # Whoever had read up to 1 goes on there.
        self.assertEqual([message.offset for message in self.replay(name, db, from_offset=2)], [2, 3])
        self.assertEqual(self.raw("trigger", "TriggerService", session).Publish(
            self.publish_request(name, table((4, "X")))).offset, 4)

    def test_srv_012_srv_155_after_an_end_in_order(self):
        self.restart_and_look(Server.stop)

    def test_srv_012_after_a_kill(self):
        self.restart_and_look(Server.kill)

    def test_srv_011_srv_010_streams_are_told_that_the_server_ends(self):
        name = self.topic()
        call = self.subscribe(name)
        self.restart(Server.stop)
        with self.assertRaises(grpc.RpcError) as caught:
            next(call)
        self.assertEqual(caught.exception.code().name, "UNAVAILABLE")

    def scoped(self, tenant):
        db = self.connect()
        db.set_tenant(tenant)
        return db
