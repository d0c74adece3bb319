"""The audit log by the wheels' generated calls: the clients have no verb for it."""
import uuid

from generation import LIMIT, NEW, ClientTest, messages
from streams_test import rows_of
from topics_test import A, B

KEY = "0" * 63 + "1"


class AuditTest(ClientTest):
    VARIABLES = {"JAMMI_AUDIT_MASTER_KEY": KEY}

    def session(self, tenant):
        db = self.connect()
        db.set_tenant(tenant)
        return db.session_id

    def bare(self, tenant=None):
        return self.raw("audit", "AuditService", self.session(tenant) if tenant else None)

    def record(self, **fields):
        return messages("audit").PerQueryAudit(**{
            "query_id": str(uuid.uuid4()), "model_id": "m", "model_version": "1",
            "query_lineage": '{"b":{"y":1,"x":[2,"é"]},"a":null}', "top_k_result_ids": ["r1", "r2"],
            "retrieval_scores": [0.92, 0.5]} | fields)

    def log(self, calls, *records):
        calls.AuditLog(messages("audit").AuditLogRequest(records=records))

    def fetch(self, calls, query_id):
        return calls.AuditFetchByQueryId(messages("audit").AuditFetchByQueryIdRequest(query_id=query_id))

    def recent(self, calls, limit):
        return list(calls.AuditFetchRecent(messages("audit").AuditFetchRecentRequest(limit=limit)).records)


class Audit(AuditTest):
    def test_case_55_what_is_logged_comes_back_signed(self):
        calls = self.bare(A)
        # What the server fills in is not the caller's to say.
        given = self.record(tenant_id=B, signature="forged", executed_at_micros=5)
        self.log(calls, given)
        reply = self.fetch(calls, given.query_id)
        self.assertTrue(reply.HasField("record"))
        got = reply.record
        self.assertEqual((got.tenant_id, got.model_id, got.model_version), (A, "m", "1"))
        self.assertEqual(list(got.top_k_result_ids), ["r1", "r2"])
        self.assertEqual(list(got.retrieval_scores), list(given.retrieval_scores))
        self.assertRegex(got.signature, "^[0-9a-f]{64}$")
        self.assertGreater(got.executed_at_micros, 1_600_000_000_000_000)

    def test_case_59_srv_182_newest_first_and_no_more_than_asked(self):
        calls = self.bare("018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e11")
        self.assertEqual(self.recent(calls, 10), [])  # before the first log
        records = [self.record() for _ in range(4)]
        for record in records:
            self.log(calls, record)
        newest_first = [record.query_id for record in reversed(records)]
        self.assertEqual([record.query_id for record in self.recent(calls, 10)], newest_first)
        self.assertEqual([record.query_id for record in self.recent(calls, 2)], newest_first[:2])
        self.assertEqual(self.recent(calls, 0), [])

    def test_srv_180_no_records_is_no_error(self):
        self.log(self.bare(A))

    def test_srv_182_a_record_that_is_not_there(self):
        self.assertFalse(self.fetch(self.bare(A), str(uuid.uuid4())).HasField("record"))

    def test_srv_182_tenants_are_apart(self):
        record = self.record()
        self.log(self.bare(A), record)
        other = self.bare("018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e12")
        self.assertFalse(self.fetch(other, record.query_id).HasField("record"))
        self.assertEqual(self.recent(other, 100), [])

    def test_case_57_srv_180_srv_182_nothing_without_a_tenant(self):
        calls = self.bare()
        no_tenant = dict(code="FAILED_PRECONDITION", with_detail="AuditErrorDetail.no_tenant_binding")
        with self.fails_raw(**no_tenant):
            self.log(calls, self.record())
        with self.fails_raw(**no_tenant):
            self.fetch(calls, str(uuid.uuid4()))
        with self.fails_raw(**no_tenant):
            self.recent(calls, 1)

    def test_case_58_lengths_that_differ(self):
        with self.fails_raw("INVALID_ARGUMENT", with_detail="AuditErrorDetail.length_mismatch"):
            self.log(self.bare(A), self.record(retrieval_scores=[0.1]))

    def test_srv_180_what_a_record_must_be(self):
        calls = self.bare(A)
        for why, fields in (("id", {"query_id": "no-uuid"}), ("no id", {"query_id": ""}),
                            ("lineage", {"query_lineage": "{"})):
            with self.subTest(why), self.assertRaises(Exception) as caught:
                self.log(calls, self.record(**fields))
            self.assertEqual(caught.exception.code().name, "INVALID_ARGUMENT")
        with self.fails_raw("INVALID_ARGUMENT", with_detail="AuditErrorDetail.lineage_too_large"):
            self.log(calls, self.record(query_lineage='{"a":"' + "x" * 8192 + '"}'))

    def test_srv_181_the_same_id_with_other_content_is_refused(self):
        calls = self.bare(A)
        record = self.record()
        self.log(calls, record)
        record.model_id = "other"
        with self.assertRaises(Exception) as caught:
            self.log(calls, record)
        self.assertEqual(caught.exception.code().name, "ALREADY_EXISTS")
        self.assertEqual(self.fetch(calls, record.query_id).record.model_id, "m")

    def test_srv_180_each_record_is_an_event_of_the_tenants_topic(self):
        tenant = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e13"
        record = self.record()
        self.log(self.bare(tenant), record)
        trigger = messages("trigger")
        calls = self.raw("trigger", "TriggerService", self.session(tenant))
        (event,) = calls.Subscribe(trigger.SubscribeRequest(
            topic=trigger.TopicName(name="jammi.audit.search.v1"), from_offset=0, replay_only=True))
        rows = rows_of(event)
        self.assertEqual(rows.column_names, ["record"])
        self.assertIn(record.query_id, rows.column("record")[0].as_py())

    if NEW:

        def verify(self, tenant, record):
            return self.bare(tenant).Verify(messages("audit").VerifyRequest(record=record)).verified

        def test_case_55_case_56_srv_183_verify(self):
            calls = self.bare(A)
            given = self.record()
            self.log(calls, given)
            got = self.fetch(calls, given.query_id).record
            self.assertTrue(self.verify(A, got))
            self.assertFalse(self.verify(B, got))
            got.retrieval_scores[0] = 0.91
            self.assertFalse(self.verify(A, got))
            with self.fails_raw("FAILED_PRECONDITION", with_detail="AuditErrorDetail.no_tenant_binding"):
                self.verify(None, got)
            with self.fails_raw("INVALID_ARGUMENT"):
                self.bare(A).Verify(messages("audit").VerifyRequest())


class WithoutAKey(AuditTest):
    VARIABLES = {}

    def test_srv_184_the_server_runs_and_the_log_says_what_is_missing(self):
        with self.fails_raw("FAILED_PRECONDITION", with_detail="AuditErrorDetail.master_key"):
            self.log(self.bare(A), self.record())
        self.assertEqual(self.recent(self.bare(A), 10), [])


class WithABadKey(WithoutAKey):
    VARIABLES = {"JAMMI_AUDIT_MASTER_KEY": "abcd"}
