"""Who may call as whom: TLS, tokens, and certificates of clients, as the published clients have them."""
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time

import grpc
from google.protobuf import empty_pb2

import certificates
from generation import LIMIT, PACKAGE, ClientTest, Raw, failure_class, messages, stub
from streams_test import arrow_batch, table
from topics_test import EVENT, A, B

EMPTY = empty_pb2.Empty()


def new_token(principal, role, tenants):
    """A token, and the line that makes the server know it, as an operator makes them."""
    done = subprocess.run([os.environ["JAMMI_TEST_CLI"], "token", "new", "--principal", principal, "--role", role,
                           "--tenant", tenants], capture_output=True, text=True, check=True)
    token, line = done.stdout.splitlines()
    return token.split(maxsplit=1)[1], line.split(maxsplit=1)[1]


class AccessTest(ClientTest):
    """A server with a certificate if TLS, and with TOKENS: of each principal the role and the tenants."""

    TLS = False
    TOKENS = {}

    @classmethod
    def prepare(cls, folder):
        cls.tokens = {}
        if cls.TOKENS:
            made = {name: new_token(name, *rest) for name, rest in cls.TOKENS.items()}
            cls.tokens = {name: token for name, (token, _) in made.items()}
            path = os.path.join(folder, "tokens")
            with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
                file.writelines(line + "\n" for _, line in made.values())
            cls.variables["JAMMI_SERVER__TOKEN_PATH"] = path
        if cls.TLS:
            cls.authority = certificates.make(folder, "authority")
            shown = certificates.sign(cls.authority, folder, "server")
            cls.variables |= {"JAMMI_SERVER__TLS_CERTIFICATE_PATH": str(shown.path),
                              "JAMMI_SERVER__TLS_KEY_PATH": str(shown.key)}

    @property
    def target(self):
        return f"{'grpcs' if self.TLS else 'grpc'}://{self.server.flight}"

    def credentials(self, token=None, **shown):
        """The client's own, which trust the authority of the server's certificate; `shown`: the client's."""
        def secure():
            return grpc.ssl_channel_credentials(self.authority.path.read_bytes(), **shown)

        if token is None:
            return PACKAGE._credentials.AnonymousCredentials(secure_credentials=secure)
        return PACKAGE.BearerCredentials(token, secure_credentials=secure)

    def connect_as(self, principal=None, **options):
        """A client that shows the principal's token, or another one (token=...), or none."""
        credentials = self.credentials(options.pop("token", self.tokens.get(principal)))
        db = PACKAGE.connect(self.target, credentials=credentials)
        self.addCleanup(db.close)
        return db

    def calls_as(self, principal, package, service, session=None):
        """Calls of a service by the wheel's messages, with the principal's token."""
        credentials = self.credentials(self.tokens.get(principal))
        channel = credentials.open_channel(self.server.flight, tls=self.TLS)
        self.addCleanup(channel.close)
        return Raw(stub(channel, package, service), session)

    def in_another_process(self, *words):
        """What a program prints that finds the authority by its environment; its words: target, and a token or none."""
        program = pathlib.Path(__file__).with_name("tls_client.py")
        done = subprocess.run([sys.executable, "-B", program, *words], text=True, capture_output=True, timeout=LIMIT,
                              env=os.environ | {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.authority.path)})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class TokenCases:
    TOKENS = {"ann": ("writer", A), "bob": ("reader", B), "both": ("writer", f"{A},{B}"), "root": ("admin", "*")}
    # A call of each kind, with arguments that would do.
    CALLS = {
        "get_server_info": lambda db: db.get_server_info(),
        "tenant": lambda db: db.tenant(),
        "set_tenant": lambda db: db.set_tenant(A),
        "list_topics": lambda db: db.list_topics(),
        "register_topic": lambda db: db.register_topic("t", schema=EVENT),
        "publish_topic": lambda db: db.publish_topic("t", batch=table((1, "X"))),
        "subscribe_collect": lambda db: db.subscribe_collect("t", from_offset=0, max_batches=1),
        "list_models": lambda db: db.list_models(),
        "create_mutable_table": lambda db: db.create_mutable_table("t", schema=EVENT, primary_key=["id"]),
        "search": lambda db: db.search("s", query=[1.0, 0.5], k=3),  # not served: that is nobody's business
    }

    def assert_let_in_nowhere(self, db):
        for name, call in self.CALLS.items():
            with self.subTest(name), self.fails("UNAUTHENTICATED") as caught:
                call(db)
            self.assertNotIn("jammi_", str(caught.exception), "what was shown is not repeated")

    def test_srv_031_case_22_without_a_token_nothing_is_answered(self):
        self.assert_let_in_nowhere(self.connect_as())

    def test_srv_031_case_23_a_wrong_token_is_none(self):
        token = self.tokens["root"]
        another, _ = new_token("root", "admin", "*")
        for wrong in (another, token[:-1], token + "0", token.removeprefix("jammi_"), "root", "*"):
            with self.subTest(wrong):
                self.assert_let_in_nowhere(self.connect_as(token=wrong))

    def test_srv_033_a_writer_is_of_his_tenant_without_choosing_it(self):
        ann = self.connect_as("ann")
        self.assertEqual(ann.tenant(), A)
        ann.register_topic("of.ann", schema=EVENT)
        self.assertEqual(ann.publish_topic("of.ann", batch=table((1, "X"))), 0)
        self.assertEqual(ann.subscribe_collect("of.ann", from_offset=0, max_batches=1), table((1, "X")))
        # Whoever may work for everybody sees it where it belongs, and nowhere else.
        root = self.connect_as("root")
        self.assertNotIn("of.ann", root.list_topics())
        root.set_tenant(A)
        self.assertIn("of.ann", root.list_topics())

    def test_srv_033_a_reader_reads_and_writes_nothing(self):
        root, bob = self.connect_as("root"), self.connect_as("bob")
        root.set_tenant(B)
        root.register_topic("for.bob", schema=EVENT)
        root.publish_topic("for.bob", batch=table((1, "X")))
        before = bob.list_topics()
        self.assertIn("for.bob", before)
        self.assertEqual(bob.subscribe_collect("for.bob", from_offset=0, max_batches=1), table((1, "X")))
        for name, call in {
            "register_topic": lambda: bob.register_topic("of.bob", schema=EVENT),
            "publish_topic": lambda: bob.publish_topic("for.bob", batch=table((2, "X"))),
            "drop_topic": lambda: bob.drop_topic("for.bob"),
            "register_channel": lambda: bob.register_channel("c", priority=4, columns=[("x", "Utf8")]),
            "create_mutable_table": lambda: bob.create_mutable_table("t", schema=EVENT, primary_key=["id"]),
            "drop_mutable_table": lambda: bob.drop_mutable_table("t", if_exists=True),
            "delete_model": lambda: bob.delete_model("m", if_exists=True),
        }.items():
            with self.subTest(name), self.fails("PERMISSION_DENIED", "'reader'"):
                call()
        self.assertEqual(bob.list_topics(), before)
        self.assertEqual(root.publish_topic("for.bob", batch=table((3, "X"))), 1, "nothing came between")

    def test_srv_031_srv_033_who_has_one_tenant_does_not_get_another(self):
        ann, root = self.connect_as("ann"), self.connect_as("root")
        root.set_tenant(B)
        root.register_topic("of.b", schema=EVENT)
        with self.fails("PERMISSION_DENIED", "ann"):
            ann.set_tenant(B)
        with self.fails("PERMISSION_DENIED", "ann"), ann.tenant_scope(B):
            pass
        catalog = messages("catalog")  # the client's set_tenant("") is ClearTenant, which chooses nothing
        with self.fails_raw("PERMISSION_DENIED", "ann"):
            self.calls_as("ann", "catalog", "CatalogService", ann.session_id).SetTenant(
                catalog.SetTenantRequest(tenant=catalog.Tenant(id="")))
        self.assertEqual(ann.tenant(), A)
        # Another's is as if it were not there (SRV-026)...
        self.assertNotIn("of.b", ann.list_topics())
        with self.fails("NOT_FOUND", "of.b"):
            ann.publish_topic("of.b", batch=table((1, "X")))
        with self.fails("NOT_FOUND", "of.b"):
            ann.subscribe_collect("of.b", from_offset=0, max_batches=1)
        # ...but to name another tenant is told (SRV-156).
        trigger = messages("trigger")
        request = trigger.PublishRequest(topic=trigger.TopicName(name="of.b"), batch=arrow_batch(table((1, "X"))),
                                         tenant_id=B)
        with self.fails_raw("PERMISSION_DENIED", B, "TriggerErrorDetail.publish_tenant_mismatch"):
            self.calls_as("ann", "trigger", "TriggerService").Publish(request)
        self.assertEqual(root.publish_topic("of.b", batch=table((2, "X"))), 0, "nothing was published before it")

    def test_srv_033_of_several_tenants_one_is_chosen(self):
        both = self.connect_as("both")
        with self.fails("FAILED_PRECONDITION"):
            both.list_topics()
        for tenant in (A, B):
            both.set_tenant(tenant)
            both.register_topic(f"of.both.in.{tenant}", schema=EVENT)
        self.assertNotIn(f"of.both.in.{A}", both.list_topics())
        with self.fails("PERMISSION_DENIED", "both"):
            both.set_tenant("018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9c")
        self.assertEqual(both.tenant(), B)

    def test_srv_033_a_session_is_of_the_principal_who_made_it(self):
        root = self.connect_as("root")
        root.set_tenant(B)
        # The same text in other hands is another session, which has chosen nothing.
        calls = self.calls_as("both", "catalog", "CatalogService", root.session_id)
        self.assertEqual(calls.GetTenant(EMPTY).tenant.id, "")
        self.assertEqual(root.tenant(), B)

    def test_srv_032_health_is_for_everybody(self):
        with self.credentials().open_channel(self.server.flight, tls=self.TLS) as channel:
            answer = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=LIMIT)
        self.assertEqual(answer, b"\x08\x01")  # SERVING


class TokensInPlaintext(TokenCases, AccessTest):
    """A token is an ordinary header."""

    def test_srv_031_flight_asks_for_the_token_too(self):
        with self.assertRaisesRegex(Exception, "(?i)unauthenticated"):
            self.connect_as().sql("SELECT 1 AS one")
        with self.assertRaises(NotImplementedError):
            self.connect_as("root").sql("SELECT 1 AS one")


class TokensOverTls(TokenCases, AccessTest):
    """A token is a call credential of the channel."""

    TLS = True

    def test_srv_031_the_environment_says_whom_flight_trusts(self):
        said = self.in_another_process(self.target, self.tokens["root"])
        self.assertIn("'core'", said)
        self.assertIn("NotImplementedError", said)


class Tls(AccessTest):
    TLS = True

    def test_srv_014_the_client_that_trusts_the_authority_is_served(self):
        db = self.connect_as()
        db.register_topic("over.tls", schema=EVENT)
        self.assertEqual(db.publish_topic("over.tls", batch=table((1, "X"))), 0)
        self.assertEqual(db.subscribe_collect("over.tls", from_offset=0, max_batches=1), table((1, "X")))
        with PACKAGE.connect(self.target.replace("grpcs://", "https://"), credentials=self.credentials()) as other:
            self.assertIn("core", other.get_server_info()["services"])

    def test_srv_014_the_environment_says_whom_a_client_trusts(self):
        self.assertIn("'core'", self.in_another_process(self.target))

    def test_srv_014_who_does_not_trust_it_sends_nothing(self):
        # That it names the same authority is not enough: the key counts.
        stranger = certificates.make(self.folder.name, "stranger")
        credentials = PACKAGE._credentials.AnonymousCredentials(
            secure_credentials=lambda: grpc.ssl_channel_credentials(stranger.path.read_bytes()))
        for options in (dict(credentials=credentials), {}):
            with PACKAGE.connect(self.target, **options) as db, self.fails("UNAVAILABLE"):
                db.get_server_info()

    def test_srv_014_plaintext_is_not_answered(self):
        with PACKAGE.connect(f"grpc://{self.server.flight}") as db, self.fails("UNAVAILABLE"):
            db.get_server_info()
        self.assertIn("core", self.connect_as().get_server_info()["services"])

    def handshake(self, **limits):
        context = ssl.create_default_context(cafile=self.authority.path)
        context.set_alpn_protocols(["http/1.1", "h2"])
        for name, value in limits.items():
            setattr(context, name, value)
        host, port = self.server.flight.split(":")
        with socket.create_connection((host, int(port)), timeout=LIMIT) as plain:
            with context.wrap_socket(plain, server_hostname=host) as secured:
                return secured.selected_alpn_protocol(), secured.version()

    def test_srv_014_it_offers_h2_and_nothing_older_than_tls_1_2(self):
        self.assertEqual(self.handshake(), ("h2", "TLSv1.3"))
        self.assertEqual(self.handshake(maximum_version=ssl.TLSVersion.TLSv1_2), ("h2", "TLSv1.2"))
        with self.assertRaises(ssl.SSLError):
            self.handshake(minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)


class CertificatesOfClients(AccessTest):
    """server.tls_client_authority_path: who has no certificate of that authority does not get as far as a token."""

    TLS = True
    TOKENS = {"ann": ("writer", A)}

    @classmethod
    def prepare(cls, folder):
        super().prepare(folder)
        cls.clients_authority = certificates.make(folder, "clients", subject="clients")
        cls.variables["JAMMI_SERVER__TLS_CLIENT_AUTHORITY_PATH"] = str(cls.clients_authority.path)

    def connect_with(self, certificate, token=None):
        shown = {}
        if certificate:
            shown = dict(private_key=certificate.key.read_bytes(), certificate_chain=certificate.path.read_bytes())
        db = PACKAGE.connect(self.target, credentials=self.credentials(token, **shown))
        self.addCleanup(db.close)
        return db

    def test_srv_014_a_certificate_of_the_authority_is_let_in(self):
        mine = certificates.sign(self.clients_authority, self.folder.name, "mine")
        db = self.connect_with(mine, self.tokens["ann"])
        self.assertEqual(db.tenant(), A)
        db.register_topic("with.certificate", schema=EVENT)
        self.assertEqual(db.publish_topic("with.certificate", batch=table((1, "X"))), 0)

    def test_srv_031_a_certificate_is_no_token(self):
        mine = certificates.sign(self.clients_authority, self.folder.name, "tokenless")
        with self.fails("UNAUTHENTICATED"):
            self.connect_with(mine).get_server_info()

    def test_srv_014_no_certificate_or_anothers_is_refused(self):
        impostor = certificates.make(self.folder.name, "impostor", subject="clients")
        of_the_server = certificates.sign(self.authority, self.folder.name, "of_the_server")
        of_the_impostor = certificates.sign(impostor, self.folder.name, "of_the_impostor")
        for shown in (None, of_the_server, impostor, of_the_impostor):
            with self.subTest(shown and shown.path.name), self.fails("UNAVAILABLE"):
                self.connect_with(shown, self.tokens["ann"]).get_server_info()

    def test_srv_014_another_authority_counts_from_sighup_on(self):
        mine = certificates.sign(self.clients_authority, self.folder.name, "before")
        connected = self.connect_with(mine, self.tokens["ann"])
        self.assertEqual(connected.tenant(), A)
        path = self.clients_authority.path
        self.addCleanup(self.restart)
        self.addCleanup(path.write_bytes, path.read_bytes())
        other = certificates.make(self.folder.name, "other", subject="clients")
        path.write_bytes(other.path.read_bytes())
        os.kill(self.server.pid, signal.SIGHUP)
        self.await_served(certificates.sign(other, self.folder.name, "after"))
        with self.fails("UNAVAILABLE"):
            self.connect_with(mine, self.tokens["ann"]).tenant()
        self.assertEqual(connected.tenant(), A, "its connection was there before")

    def await_served(self, certificate):
        end = time.monotonic() + LIMIT
        while True:
            try:
                return self.connect_with(certificate, self.tokens["ann"]).tenant()
            except failure_class("UNAVAILABLE"):
                self.assertLess(time.monotonic(), end)
