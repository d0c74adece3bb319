"""Mutable tables: their definitions. Their rows are of SQL."""
import pyarrow as pa

from generation import ClientTest, messages

A = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a"
B = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9b"
NOTES = pa.schema([pa.field("note_id", pa.int64(), nullable=False), pa.field("body", pa.utf8())])
EVERY_TYPE = pa.schema([pa.field("k", pa.int64(), nullable=False)] + [
    pa.field(f"c{number}", type_) for number, type_ in enumerate(
        (pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
         pa.float32(), pa.float64(), pa.utf8(), pa.binary()))])

# No table and no topic has such a column.
UNSTORABLE = pa.run_end_encoded(pa.int32(), pa.int64())


def ids(db):
    return [table["id"] for table in db.list_mutable_tables()]


def schema_bytes(schema):
    sink = pa.BufferOutputStream()
    pa.ipc.new_stream(sink, schema).close()
    return sink.getvalue().to_pybytes()


class Tables(ClientTest):
    def scoped(self, tenant):
        db = self.connect()
        db.set_tenant(tenant)
        return db

    def create(self, **fields):
        """A raw creation, for what the client would not send."""
        catalog = messages("catalog")
        definition = catalog.MutableTableDefinition(**{"id": "raw", "schema": schema_bytes(NOTES),
                                                       "primary_key": ["note_id"]} | fields)
        return self.raw("catalog", "CatalogService").CreateMutableTable(
            catalog.CreateMutableTableRequest(definition=definition))

    def test_case_29_srv_120_create_list_drop(self):
        db = self.connect()
        self.assertEqual(db.create_mutable_table("notes", schema=NOTES, primary_key=["note_id"]), "notes")
        (listed,) = [each for each in db.list_mutable_tables() if each["id"] == "notes"]
        self.assertEqual(listed["schema"], NOTES)
        self.assertEqual(listed["primary_key"], ["note_id"])
        self.assertEqual(listed["indexes"], [])
        self.assertEqual(listed["order_column"], "")
        self.assertEqual(listed["chunk_size"], 8192)
        db.drop_mutable_table("notes")
        self.assertNotIn("notes", ids(db))

    def test_srv_126_the_definition_is_listed_as_it_was_made(self):
        db = self.connect()
        indexes = [{"name": "by_body", "columns": ["c10", "c3"], "unique": False},
                   {"name": "by_flag", "columns": ["c0"], "unique": True}]
        db.create_mutable_table("full", schema=EVERY_TYPE, primary_key=["k", "c10"], indexes=indexes,
                                order_column="k", chunk_size=100)
        (listed,) = [each for each in db.list_mutable_tables() if each["id"] == "full"]
        # The columns of the key cannot be null, whatever the caller said.
        self.assertEqual([(field.name, field.type) for field in listed["schema"]],
                         [(field.name, field.type) for field in EVERY_TYPE])
        self.assertEqual(listed["primary_key"], ["k", "c10"])
        self.assertEqual(listed["indexes"], indexes)
        self.assertEqual(listed["order_column"], "k")
        self.assertEqual(listed["chunk_size"], 100)
        db.drop_mutable_table("full")

    def test_case_30_srv_120_what_a_definition_must_be(self):
        db = self.connect()
        good = dict(schema=NOTES, primary_key=["note_id"])
        index = {"name": "i", "columns": ["absent"], "unique": False}
        for why, name, options in (
                ("key column absent", "t", good | dict(primary_key=["absent"])),
                ("no key", "t", good | dict(primary_key=[])),
                ("index column absent", "t", good | dict(indexes=[index])),
                ("order column absent", "t", good | dict(order_column="absent")),
                ("order column no integer", "t", good | dict(order_column="body")),
                ("id", "Not-Valid", good),
                ("id empty", "", good),
                ("id too long", "x" * 64, good),
                ("reserved id", "_jammi_mine", good),
                ("reserved id", "__topic_mine", good),
                ("type", "t", good | dict(schema=NOTES.append(pa.field("l", UNSTORABLE))))):
            with self.subTest(why), self.fails("INVALID_ARGUMENT"):
                db.create_mutable_table(name, **options)
        self.assertEqual(ids(db), [])

    def test_case_35_a_reserved_column_is_named(self):
        for column in ("tenant_id", "_hidden"):
            schema = NOTES.append(pa.field(column, pa.utf8()))
            with self.subTest(column), self.fails("INVALID_ARGUMENT", "reserved") as caught:
                self.connect().create_mutable_table("t", schema=schema, primary_key=["note_id"])
            self.assertIn(column, str(caught.exception))

    def test_srv_120_requests_that_no_client_sends(self):
        catalog = messages("catalog")
        with self.fails_raw("INVALID_ARGUMENT"):
            self.raw("catalog", "CatalogService").CreateMutableTable(catalog.CreateMutableTableRequest())
        for fields in (dict(schema=b""), dict(schema=b"garbage"), dict(schema=schema_bytes(NOTES)[:-30]),
                       dict(user_metadata="{"), dict(user_metadata="[1]")):
            with self.subTest(str(fields)), self.fails_raw("INVALID_ARGUMENT"):
                self.create(**fields)

    def test_srv_121_an_id_that_is_taken(self):
        db = self.connect()
        db.create_mutable_table("taken", schema=NOTES, primary_key=["note_id"])
        with self.fails("ALREADY_EXISTS", "taken"):
            db.create_mutable_table("taken", schema=NOTES, primary_key=["note_id"])
        with self.fails_raw("ALREADY_EXISTS", "taken", with_detail="JammiErrorDetail.mutable_table.already_exists"):
            self.create(id="taken")
        db.drop_mutable_table("taken")

    def test_case_31_case_33_srv_125_dropping_what_is_not_there(self):
        db = self.connect()
        with self.fails("NOT_FOUND", "mutable table not found: never_there"):
            db.drop_mutable_table("never_there")
        db.drop_mutable_table("never_there", if_exists=True)
        db.drop_mutable_table("never_there", if_exists=True)
        catalog = messages("catalog")
        calls = self.raw("catalog", "CatalogService")
        with self.fails_raw("NOT_FOUND", with_detail="JammiErrorDetail.mutable_table.not_found"):
            calls.DropMutableTable(catalog.DropMutableTableRequest(mutable_table_id="never_there"))
        for system in ("", "_jammi_search_audit", "__topic_0123"):
            with self.subTest(system), self.fails("INVALID_ARGUMENT"):
                db.drop_mutable_table(system)

    def test_case_34_srv_126_srv_025_tables_belong_to_their_tenants(self):
        a, b, everybody = self.scoped(A), self.scoped(B), self.connect()
        a.create_mutable_table("of_a", schema=NOTES, primary_key=["note_id"])
        everybody.create_mutable_table("of_all", schema=NOTES, primary_key=["note_id"])
        self.assertEqual((ids(a), ids(b)), (["of_a"], []))
        self.assertIn("of_all", ids(everybody))
        self.assertNotIn("of_a", ids(everybody))
        for db, foreign in ((b, "of_a"), (everybody, "of_a"), (b, "of_all")):
            with self.subTest(foreign), self.fails("NOT_FOUND", f"mutable table not found: {foreign}"):
                db.drop_mutable_table(foreign)
        self.assertEqual(ids(a), ["of_a"])
        a.drop_mutable_table("of_a")
        everybody.drop_mutable_table("of_all")

    def test_srv_126_neither_topics_nor_the_audit_log_are_listed(self):
        db = self.connect()
        db.register_topic("tables.not", schema=NOTES)
        self.assertFalse([name for name in ids(db) if name.startswith("_")])

    def test_srv_126_the_list_is_ordered_by_id(self):
        db = self.scoped("018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e02")
        for name in ("zeta", "alpha", "mid"):
            db.create_mutable_table(name, schema=NOTES, primary_key=["note_id"])
        self.assertEqual(ids(db), ["alpha", "mid", "zeta"])
