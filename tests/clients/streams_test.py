"""Publish and subscribe."""
import uuid

import grpc
import pyarrow as pa

from generation import LIMIT, NEW, OLD, ClientTest, messages
from topics_test import EVENT, A, B


def table(*rows):
    """Events of rows (id, kind) or (id, kind, value)."""
    return pa.Table.from_pylist([dict(zip(("id", "kind", "value"), row)) for row in rows], schema=EVENT)


def arrow_batch(data):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, data.schema) as writer:
        for batch in data.to_batches():
            writer.write_batch(batch)
    return messages("trigger").ArrowBatch(data_body=sink.getvalue().to_pybytes())


def rows_of(message):
    return pa.ipc.open_stream(message.batch.data_header + message.batch.data_body).read_all()


class StreamTest(ClientTest):
    def scoped(self, tenant):
        db = self.connect()
        db.set_tenant(tenant)
        return db

    def topic(self, db=None, schema=EVENT):
        """A new topic of the client's scope; its name."""
        name = f"t.{uuid.uuid4()}"
        (db or self.connect()).register_topic(name, schema=schema)
        return name

    def bare(self, db=None):
        return self.raw("trigger", "TriggerService", db.session_id if db else None)

    def publish_request(self, topic, data, **fields):
        trigger = messages("trigger")
        return trigger.PublishRequest(topic=trigger.TopicName(name=topic), batch=arrow_batch(data), **fields)

    def subscribe(self, topic, db=None, **fields):
        """A subscription that is attached: its headers are there (SRV-168)."""
        trigger = messages("trigger")
        call = self.bare(db).Subscribe(trigger.SubscribeRequest(topic=trigger.TopicName(name=topic), **fields))
        self.addCleanup(call.cancel)
        call.initial_metadata()
        return call

    def take(self, call, count):
        return [next(call) for _ in range(count)]

    def replay(self, topic, db=None, **fields):
        return list(self.subscribe(topic, db, **{"from_offset": 0, "replay_only": True} | fields))

    def collect(self, db, topic, count, **options):
        """By the client's own call, which blocks for ever if there are fewer."""
        if NEW:
            options = {"replay_only": False} | options
        return self.in_background(
            lambda: db.subscribe_collect(topic, max_batches=count, **options)).result(LIMIT)


class Publishing(StreamTest):
    def test_stream_case_23_stream_case_25_publish_then_collect(self):
        db = self.connect()
        schema = pa.schema([("event_id", pa.int64()), ("payload", pa.string())])
        name = self.topic(db, schema)
        sent = pa.table({"event_id": [1, 2, 3], "payload": ["a", "b", "c"]}, schema=schema)
        self.assertEqual(db.publish_topic(name, batch=sent), 0)
        self.assertEqual(self.collect(db, name, 1, from_offset=0), sent)
        db.drop_topic(name)
        db.drop_topic(name, if_exists=True)

    def test_stream_case_25_srv_153_a_reply_has_offset_and_time(self):
        name = self.topic()
        for offset in range(3):
            reply = self.bare().Publish(self.publish_request(name, table((offset, "X"))))
            self.assertEqual(reply.offset, offset)
            self.assertTrue(reply.HasField("committed_at"))
            self.assertGreater(reply.committed_at.seconds, 1_600_000_000)
        self.assertEqual([message.offset for message in self.replay(name)], [0, 1, 2])
        self.assertTrue(all(message.produced_at.seconds > 1_600_000_000 for message in self.replay(name)))

    def test_a_table_of_several_chunks_is_one_event(self):
        db = self.connect()
        name = self.topic(db)
        chunked = pa.concat_tables([table((1, "X")), table((2, "Y"), (3, "Z"))])
        self.assertEqual(chunked.column("id").num_chunks, 2)
        self.assertEqual(db.publish_topic(name, batch=chunked), 0)
        self.assertEqual(rows_of(self.replay(name)[0]), chunked.combine_chunks())

    def test_a_table_that_came_from_pandas_is_taken(self):
        # Its schema carries metadata, which is no part of the contract (wire.md 5).
        db = self.connect()
        name = self.topic(db)
        self.assertEqual(db.publish_topic(name, batch=table((1, "X")).replace_schema_metadata({"pandas": "{}"})), 0)

    def test_case_40_stream_case_25_stream_case_05_another_schema_is_refused_and_nothing_stored(self):
        db = self.connect()
        name = self.topic(db)
        good = table((1, "X"))
        for why, bad in (("a column less", good.select(["id"])), ("another order", good.select(["kind", "id", "value"])),
                         ("another type", good.set_column(0, "id", pa.array([1], pa.int32()))),
                         ("another name", good.rename_columns(["id", "kind", "worth"])),
                         ("a column more", good.append_column("more", pa.array([1])))):
            with self.subTest(why), self.fails("INVALID_ARGUMENT"):
                db.publish_topic(name, batch=bad)
        self.assertEqual(self.replay(name), [])

    def test_srv_152_not_exactly_one_batch(self):
        name = self.topic()
        two = pa.concat_tables([table((1, "X")), table((2, "Y"))])
        for why, data in (("none", table()), ("two", two)):
            with self.subTest(why), self.fails_raw("INVALID_ARGUMENT"):
                self.bare().Publish(self.publish_request(name, data))
        trigger = messages("trigger")
        for why, body in (("empty", b""), ("garbage", b"garbage"), ("cut", arrow_batch(table((1, "X"))).data_body[:-60])):
            request = trigger.PublishRequest(topic=trigger.TopicName(name=name),
                                             batch=trigger.ArrowBatch(data_body=body))
            with self.subTest(why), self.fails_raw("INVALID_ARGUMENT"):
                self.bare().Publish(request)
        self.assertEqual(self.replay(name), [])

    def test_a_batch_that_is_split_anywhere_is_one(self):
        name = self.topic()
        request = self.publish_request(name, table((1, "X")))
        body = request.batch.data_body
        request.batch.data_header, request.batch.data_body = body[:7], body[7:]
        self.assertEqual(self.bare().Publish(request).offset, 0)

    def test_srv_150_what_a_request_must_have(self):
        trigger = messages("trigger")
        name = self.topic()
        with self.fails_raw("INVALID_ARGUMENT", "topic is required"):
            self.bare().Publish(trigger.PublishRequest(batch=arrow_batch(table((1, "X")))))
        with self.fails_raw("INVALID_ARGUMENT", "batch is required"):
            self.bare().Publish(trigger.PublishRequest(topic=trigger.TopicName(name=name)))
        with self.fails_raw("INVALID_ARGUMENT", "topic is required"):
            list(self.bare().Subscribe(trigger.SubscribeRequest()))

    def test_case_41_case_42_stream_case_25_topics_that_are_not_there(self):
        of_a = self.topic(self.scoped(A))
        for db, name in ((self.connect(), "never.there"), (self.scoped(B), of_a), (self.connect(), of_a)):
            with self.subTest(name), self.fails("NOT_FOUND", name):
                db.publish_topic(name, batch=table((1, "X")))
            with self.subTest(name), self.fails("NOT_FOUND", name):
                db.subscribe_collect(name, from_offset=0, max_batches=1)

    def test_srv_153_parallel_publishers_get_offsets_without_gaps(self):
        name = self.topic()

        def publish(first):
            with_own_channel = self.connect()
            return [with_own_channel.publish_topic(name, batch=table((first + i, "X"))) for i in range(10)]

        futures = [self.in_background(publish, 100 * writer) for writer in range(6)]
        offsets = [future.result(LIMIT) for future in futures]
        self.assertEqual(sorted(sum(offsets, [])), list(range(60)))
        delivered = {message.offset: rows_of(message).column("id")[0].as_py() for message in self.replay(name)}
        for writer, own in enumerate(offsets):
            self.assertEqual([delivered[offset] for offset in own], [100 * writer + i for i in range(10)])

    def test_srv_151_srv_156_the_tenant_of_the_body(self):
        a = self.scoped(A)
        name = self.topic(a)
        # An unscoped session may say whose it is; what is no UUID is refused.
        self.assertEqual(self.bare().Publish(self.publish_request(name, table((1, "X")), tenant_id=A)).offset, 0)
        with self.assertRaises(grpc.RpcError) as caught:
            self.bare().Publish(self.publish_request(name, table((1, "X")), tenant_id="no-uuid"))
        self.assertEqual(caught.exception.code().name, "INVALID_ARGUMENT")
        # A session that is of one tenant does not speak for another.
        with self.fails_raw("PERMISSION_DENIED", B, "TriggerErrorDetail.publish_tenant_mismatch"):
            self.bare(a).Publish(self.publish_request(name, table((2, "X")), tenant_id=B))
        self.assertEqual(len(self.replay(name, a)), 1)


class Subscribing(StreamTest):
    def publish(self, name, *tables, db=None):
        db = db or self.connect()
        return [db.publish_topic(name, batch=each) for each in tables]

    def test_case_43_stream_case_26_live_events(self):
        name = self.topic()
        call = self.subscribe(name)
        self.publish(name, *(table((i, "X")) for i in range(5)))
        self.assertEqual([message.offset for message in self.take(call, 5)], [0, 1, 2, 3, 4])

    def test_case_44_stream_case_26_what_was_published_before(self):
        name = self.topic()
        self.publish(name, *(table((i, "X")) for i in range(3)))
        call = self.subscribe(name, from_offset=0)
        self.assertEqual([message.offset for message in self.take(call, 3)], [0, 1, 2])
        self.publish(name, table((3, "X")))
        self.assertEqual(next(call).offset, 3)

    def test_case_45_stream_case_26_a_predicate_takes_what_it_matches_and_then_is_quiet(self):
        name = self.topic()
        call = self.subscribe(name, predicate="kind = 'X'", from_offset=0)
        self.publish(name, *(table((i, "XY"[i % 2])) for i in range(6)))
        self.assertEqual([message.offset for message in self.take(call, 3)], [0, 2, 4])
        # Quiet: the next that comes is the next that matches.
        self.publish(name, table((6, "Y")), table((7, "X")))
        self.assertEqual(next(call).offset, 7)

    def test_case_46_stream_case_26_stream_case_10_predicates_that_are_refused(self):
        name = self.topic()
        for predicate, variant in (("SUM(id) > 0", "predicate_unsupported"), ("(((", "predicate_parse"),
                                   ("no_such_column = 1", "predicate_parse")):
            with self.subTest(predicate), self.fails("INVALID_ARGUMENT", "predicate"):
                self.connect().subscribe_collect(name, predicate=predicate, from_offset=0, max_batches=1)
            with self.subTest(predicate), self.fails_raw("INVALID_ARGUMENT",
                                                         with_detail=f"TriggerErrorDetail.{variant}"):
                self.replay(name, predicate=predicate)

    def test_case_47_stream_case_27_a_client_that_leaves_disturbs_nobody(self):
        name = self.topic()
        self.publish(name, *(table((i, "X")) for i in range(3)))
        leaving = self.subscribe(name)
        staying = self.subscribe(name)
        self.publish(name, *(table((i, "X")) for i in range(3, 6)))
        self.take(leaving, 3)
        leaving.cancel()
        self.publish(name, *(table((i, "X")) for i in range(6, 9)))
        self.assertEqual([message.offset for message in self.take(staying, 6)], list(range(3, 9)))
        again = self.subscribe(name, from_offset=0)
        self.assertEqual([message.offset for message in self.take(again, 9)], list(range(9)))

    def test_case_48_stream_case_26_twenty_in_order(self):
        name = self.topic()
        call = self.subscribe(name)
        self.publish(name, *(table((i, "X")) for i in range(20)))
        taken = self.take(call, 20)
        self.assertEqual([message.offset for message in taken], list(range(20)))
        self.assertEqual([rows_of(message).column("id")[0].as_py() for message in taken], list(range(20)))

    def test_case_49_srv_162_a_predicate_takes_rows(self):
        db = self.connect()
        name = self.topic(db)
        self.publish(name, table((1, "click"), (2, "view"), (3, "click")))
        found = self.collect(db, name, 1, predicate="kind = 'click'", from_offset=0)
        self.assertEqual(found.column("id").to_pylist(), [1, 3])
        self.assertEqual(self.collect(db, name, 1, from_offset=0).num_rows, 3)

    def test_case_50_srv_157_a_topic_of_all_keeps_its_tenants_apart(self):
        a, b, everybody = self.scoped(A), self.scoped(B), self.connect()
        name = self.topic(everybody)
        of_a, of_b, of_all = self.subscribe(name, a), self.subscribe(name, b), self.subscribe(name, everybody)
        for number, db in enumerate((a, b, everybody)):
            db.publish_topic(name, batch=table((number, "X")))
        self.assertEqual([message.offset for message in self.take(of_a, 2)], [0, 2])
        self.assertEqual([message.offset for message in self.take(of_b, 2)], [1, 2])
        self.assertEqual(next(of_all).offset, 2)

    def test_stream_case_11_srv_165_replay_only_ends(self):
        name = self.topic()
        self.publish(name, table((0, "X")), table((1, "Y")), table((2, "X")))
        self.assertEqual([message.offset for message in self.replay(name)], [0, 1, 2])
        self.assertEqual([message.offset for message in self.replay(name, from_offset=1)], [1, 2])
        self.assertEqual([message.offset for message in self.replay(name, predicate="kind = 'X'")], [0, 2])
        self.assertEqual(list(self.subscribe(name, replay_only=True)), [])
        self.assertEqual(self.replay(name, from_offset=2**64 - 1), [])

    def test_srv_161_what_a_predicate_may_say(self):
        name = self.topic()
        self.publish(name, table((1, "abc", 0.5)), table((2, "xyz", None)), table((-3, "Abd", 2.0)))
        for predicate, expected in (("id BETWEEN 1 AND 2", [0, 1]), ("kind LIKE 'a%'", [0]),
                                    ("value IS NULL OR id IN (-3)", [1, 2]), ("NOT value IS NULL", [0, 2]),
                                    ("lower(kind) = 'abd'", [2]), ("CAST(id AS DOUBLE) * 2 > 3.5", [1]),
                                    ("starts_with(kind, 'A')", [2]), ("length(kind) = 3", [0, 1, 2])):
            with self.subTest(predicate):
                self.assertEqual([message.offset for message in self.replay(name, predicate=predicate)], expected)

    def test_srv_143_a_topic_that_is_dropped_ends_its_streams(self):
        db = self.connect()
        name = self.topic(db)
        call = self.subscribe(name)
        db.drop_topic(name)
        with self.assertRaises((StopIteration, grpc.RpcError)):
            next(call)

    if NEW:

        def test_wire_14_4_the_new_client_collects_what_is_there(self):
            db = self.connect()
            name = self.topic(db)
            self.publish(name, table((1, "X")), table((2, "Y")))
            self.assertEqual(db.subscribe_collect(name, from_offset=0).column("id").to_pylist(), [1, 2])
            self.assertEqual(db.subscribe_collect(name).num_rows, 0)

    def test_batches_have_one_schema_whatever_the_publisher_wrote(self):
        name = self.topic()
        db = self.connect()
        self.publish(name, table((1, "X")).replace_schema_metadata({"pandas": "{}"}), table((2, "X")))
        self.assertEqual(self.collect(db, name, 2, from_offset=0).num_rows, 2)
