"""Evidence channels."""
from generation import ClientTest, messages

A = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a"
B = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9b"


def ids(channels):
    return [channel["channel_id"] for channel in channels]


def columns_of(db, channel):
    (found,) = [each for each in db.list_channels() if each["channel_id"] == channel]
    return [(column["name"], column["data_type"]) for column in found["columns"]]


class Channels(ClientTest):
    def scoped(self, tenant):
        db = self.connect()
        db.set_tenant(tenant)
        return db

    def test_srv_110_stream_case_34_what_is_there_from_the_start(self):
        db = self.connect()
        listed = {each["channel_id"]: each["priority"] for each in db.list_channels()}
        self.assertLessEqual({"vector": 1, "inference": 2, "bm25": 3}.items(), listed.items())
        self.assertEqual(columns_of(db, "vector"), [("similarity", "Float32")])
        self.assertEqual(columns_of(db, "inference"), [("inference_model", "Utf8"), ("inference_task", "Utf8"),
                                                       ("inference_confidence", "Float32")])
        self.assertEqual(columns_of(db, "bm25"), [("bm25_score", "Float32"), ("bm25_rank", "Int64")])

    def test_case_51_srv_112_columns_keep_their_order(self):
        db = self.connect()
        db.register_channel("ordered", priority=30, columns=[("z", "Utf8"), ("a", "Float32")])
        db.add_channel_columns("ordered", columns=[("m", "Int64"), ("b", "Boolean"), ("c", "Float64"),
                                                   ("d", "Int32")])
        self.assertEqual(columns_of(db, "ordered"), [("z", "Utf8"), ("a", "Float32"), ("m", "Int64"),
                                                     ("b", "Boolean"), ("c", "Float64"), ("d", "Int32")])

    def test_srv_113_the_list_is_ordered_by_priority_then_id(self):
        db = self.scoped("018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e01")
        for name, priority in (("late", 90), ("b_same", 50), ("a_same", 50), ("early", -1)):
            db.register_channel(name, priority=priority, columns=[("x", "Utf8")])
        own = [name for name in ids(db.list_channels()) if name in {"late", "b_same", "a_same", "early"}]
        self.assertEqual(own, ["early", "a_same", "b_same", "late"])

    def test_case_52_a_type_must_be_known(self):
        catalog = messages("catalog")
        calls = self.raw("catalog", "CatalogService")
        for number in (0, 7, 99):
            column = catalog.ChannelColumn(name="x", data_type=number)
            with self.subTest(number), self.fails_raw("INVALID_ARGUMENT"):
                calls.RegisterChannel(catalog.RegisterChannelRequest(channel_id="typed", priority=1, columns=[column]))
            with self.subTest(number), self.fails_raw("INVALID_ARGUMENT"):
                calls.AddChannelColumns(catalog.AddChannelColumnsRequest(channel_id="vector", columns=[column]))

    def test_case_52_the_client_refuses_a_name_that_is_no_type(self):
        with self.assertRaises(ValueError):
            self.connect().register_channel("typed", priority=1, columns=[("x", "Decimal")])

    def test_srv_111_stream_case_39_ids_and_columns_that_no_channel_has(self):
        db = self.connect()
        for bad in ("", "Vector", "1vector", "vector-1", "v" * 65):
            with self.subTest(bad), self.fails("INVALID_ARGUMENT"):
                db.register_channel(bad, priority=1, columns=[("x", "Utf8")])
        with self.fails("INVALID_ARGUMENT"):
            db.register_channel("nameless", priority=1, columns=[("", "Utf8")])
        db.register_channel("v" * 64, priority=99, columns=[("x", "Utf8")])
        self.assertNotIn("nameless", ids(db.list_channels()))

    def test_case_53_stream_case_41_what_is_there_and_what_is_not(self):
        db = self.connect()
        db.register_channel("scored_by", priority=40, columns=[("ranker", "Utf8")])
        with self.fails("ALREADY_EXISTS", "already exists"):
            db.register_channel("scored_by", priority=41, columns=[("other", "Utf8")])
        with self.fails("NOT_FOUND", "not registered"):
            db.add_channel_columns("never_there", columns=[("x", "Utf8")])
        with self.fails("ALREADY_EXISTS", "already declared"):
            db.add_channel_columns("scored_by", columns=[("ranker", "Utf8")])
        with self.fails("FAILED_PRECONDITION", "cannot redeclare as Int32") as caught:
            db.add_channel_columns("scored_by", columns=[("ranker", "Int32")])
        for word in ("scored_by", "ranker", "Utf8"):
            self.assertIn(word, str(caught.exception))
        self.assertEqual(columns_of(db, "scored_by"), [("ranker", "Utf8")])

    def test_stream_case_41_the_details_say_it_to_programs(self):
        catalog = messages("catalog")
        calls = self.raw("catalog", "CatalogService")

        def add(channel, number):
            calls.AddChannelColumns(catalog.AddChannelColumnsRequest(
                channel_id=channel, columns=[catalog.ChannelColumn(name="x", data_type=number)]))

        request = catalog.RegisterChannelRequest(channel_id="detailed", priority=9,
                                                 columns=[catalog.ChannelColumn(name="x", data_type=5)])
        calls.RegisterChannel(request)
        prefix = "JammiErrorDetail.channel_catalog."
        with self.fails_raw("ALREADY_EXISTS", with_detail=prefix + "already_exists"):
            calls.RegisterChannel(request)
        with self.fails_raw("NOT_FOUND", with_detail=prefix + "not_registered"):
            add("absent", 5)
        with self.fails_raw("ALREADY_EXISTS", with_detail=prefix + "column_already_declared"):
            add("detailed", 5)
        with self.fails_raw("FAILED_PRECONDITION", with_detail=prefix + "column_conflict"):
            add("detailed", 3)

    def test_srv_112_all_columns_or_none(self):
        db = self.connect()
        db.register_channel("whole", priority=50, columns=[("x", "Utf8")])
        with self.fails("FAILED_PRECONDITION"):
            db.add_channel_columns("whole", columns=[("y", "Utf8"), ("x", "Int32")])
        self.assertEqual(columns_of(db, "whole"), [("x", "Utf8")])

    def test_stream_case_38_tenants_have_channels_of_their_own(self):
        a, b = self.scoped(A), self.scoped(B)
        a.register_channel("chan_x", priority=60, columns=[("of_a", "Utf8")])
        b.register_channel("chan_x", priority=60, columns=[("of_b", "Int64")])
        with self.fails("ALREADY_EXISTS"):
            b.register_channel("chan_x", priority=61, columns=[("again", "Utf8")])
        a.register_channel("only_a", priority=61, columns=[("x", "Utf8")])
        with self.fails("NOT_FOUND"):
            b.add_channel_columns("only_a", columns=[("y", "Utf8")])
        self.assertEqual(columns_of(a, "chan_x"), [("of_a", "Utf8")])
        self.assertEqual(columns_of(b, "chan_x"), [("of_b", "Int64")])
        self.assertEqual(columns_of(a, "only_a"), [("x", "Utf8")])
        self.assertNotIn("only_a", ids(b.list_channels()))
        self.assertNotIn("chan_x", ids(self.connect().list_channels()))
        self.assertIn("vector", ids(b.list_channels()))

    def test_srv_111_an_own_channel_hides_the_global_one(self):
        db = self.scoped(A)
        db.register_channel("bm25", priority=5, columns=[("mine", "Utf8")])
        self.assertEqual(columns_of(db, "bm25"), [("mine", "Utf8")])
        self.assertEqual(columns_of(self.scoped(B), "bm25"), [("bm25_score", "Float32"), ("bm25_rank", "Int64")])

    def test_srv_112_a_tenant_cannot_extend_a_global_channel(self):
        with self.fails("NOT_FOUND"):
            self.scoped(B).add_channel_columns("inference", columns=[("y", "Utf8")])
