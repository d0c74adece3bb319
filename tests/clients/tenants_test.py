"""Sessions and their tenants."""
import concurrent.futures
import uuid

from google.protobuf import empty_pb2

from generation import NEW, PACKAGE, SESSION, ClientTest, messages

A = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a"
B = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9b"
EMPTY = empty_pb2.Empty()


class Tenants(ClientTest):
    def bare(self, session=None):
        return self.raw("catalog", "CatalogService", session)

    def set_request(self, tenant):
        catalog = messages("catalog")
        return catalog.SetTenantRequest(tenant=catalog.Tenant(id=tenant))

    def test_case_14_set_get_clear(self):
        db = self.connect()
        self.assertIsNone(db.tenant())
        db.set_tenant(A)
        self.assertEqual(db.tenant(), A)
        db.set_tenant(B)
        self.assertEqual(db.tenant(), B)
        db.set_tenant("")
        self.assertIsNone(db.tenant())

    def test_srv_021_clearing_twice_is_no_error(self):
        db = self.connect()
        db.set_tenant("")
        db.set_tenant("")
        self.assertIsNone(db.tenant())

    def test_srv_021_the_canonical_text_comes_back(self):
        db = self.connect()
        db.set_tenant(A.upper())
        self.assertEqual(db.tenant(), A)

    def test_srv_021_case_13_a_bad_tenant_leaves_the_binding(self):
        db = self.connect()
        db.set_tenant(A)
        for bad in ("not-a-uuid", "00000000-0000-0000-0000-000000000000", A + "0", " "):
            with self.subTest(bad), self.fails("INVALID_ARGUMENT", "tenant"):
                db.set_tenant(bad)
            self.assertEqual(db.tenant(), A)

    def test_srv_021_an_empty_id_binds_to_no_tenant(self):
        catalog = self.bare("empty-id")
        catalog.SetTenant(self.set_request(A))
        catalog.SetTenant(self.set_request(""))
        reply = catalog.GetTenant(EMPTY)
        self.assertTrue(reply.HasField("tenant"))
        self.assertEqual(reply.tenant.id, "")

    def test_a_request_without_a_tenant_is_refused(self):
        with self.fails_raw("INVALID_ARGUMENT", "tenant"):
            self.bare("no-tenant").SetTenant(messages("catalog").SetTenantRequest())

    def test_srv_020_the_three_calls_need_the_header_and_say_so(self):
        catalog = self.bare()
        for call in (lambda: catalog.SetTenant(self.set_request(A)), lambda: catalog.GetTenant(EMPTY),
                     lambda: catalog.ClearTenant(EMPTY)):
            with self.fails_raw("INVALID_ARGUMENT", SESSION):
                call()

    def test_srv_022_a_session_is_one_on_all_its_connections(self):
        # Any text is a session, not only the UUIDs that the clients make.
        session = "any text: of mine"
        first, second = self.bare(session), self.bare(session)
        first.SetTenant(self.set_request(A))
        self.assertEqual(second.GetTenant(EMPTY).tenant.id, A)
        second.ClearTenant(EMPTY)
        self.assertEqual(first.GetTenant(EMPTY).tenant.id, "")

    def test_srv_027_case_15_nested_scopes_restore_exactly(self):
        db = self.connect()
        with db.tenant_scope(A):
            self.assertEqual(db.tenant(), A)
            with db.tenant_scope(B):
                self.assertEqual(db.tenant(), B)
                with db.tenant_scope(A):
                    self.assertEqual(db.tenant(), A)
                self.assertEqual(db.tenant(), B)
            self.assertEqual(db.tenant(), A)
        self.assertIsNone(db.tenant())

    def test_srv_027_a_scope_that_ends_by_an_error_restores_too(self):
        db = self.connect()
        db.set_tenant(B)
        with self.assertRaises(KeyError), db.tenant_scope(A):
            raise KeyError
        self.assertEqual(db.tenant(), B)

    def test_srv_023_case_11_many_sessions_at_once_do_not_mix(self):
        def live(tenant):
            with PACKAGE.connect(self.server.target) as db:
                for _ in range(25):
                    db.set_tenant(tenant)
                    if db.tenant() != tenant:
                        return False
                    db.set_tenant("")
                    if db.tenant() is not None:
                        return False
            return True

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self.assertTrue(all(pool.map(live, [str(uuid.uuid4()) for _ in range(8)])))

    def test_an_unknown_session_is_the_global_one(self):
        self.assertIsNone(self.connect().tenant())

    if NEW:

        def test_a_closed_client_says_so(self):
            db = self.connect()
            db.close()
            with self.assertRaises(PACKAGE.errors.BackendError):
                db.tenant()
