"""The client of the interpreter that runs the tests: PyPI jammi-client (0.33, import jammi_client) or jammi-ai
(0.54, import jammi). One suite runs under both; here is what differs."""
import contextlib
import importlib
import importlib.util

import grpc

from harness import LIMIT, ServerTest

OLD = importlib.util.find_spec("jammi_client") is not None
NEW = not OLD
PACKAGE = importlib.import_module("jammi_client" if OLD else "jammi")
EXPECTED_VERSION = "0.33.0" if OLD else "0.54.0"
SESSION = "jammi-session-id"

# What the client of 0.54 raises for a code (wire.md 14.1); that of 0.33 lets the grpc.RpcError through.
CLASS_OF_CODE = {
    "INVALID_ARGUMENT": "InvalidArgument",
    "UNIMPLEMENTED": "NotSupportedOnBackend",
    "NOT_FOUND": "NotFound",
    "UNAVAILABLE": "Unavailable",
    "ALREADY_EXISTS": "AlreadyExists",
    "FAILED_PRECONDITION": "FailedPrecondition",
}


def messages(package):
    """The generated messages that the wheel holds: messages("audit").PerQueryAudit."""
    return importlib.import_module(f"{PACKAGE.__name__}._generated.jammi.v1.{package}_pb2")


def stub(channel, package, service):
    module = importlib.import_module(f"{PACKAGE.__name__}._generated.jammi.v1.{package}_pb2_grpc")
    return getattr(module, f"{service}Stub")(channel)


def failure_class(code, leaf=None):
    if OLD:
        return grpc.RpcError
    return getattr(PACKAGE.errors, leaf or CLASS_OF_CODE.get(code, "BackendError"))


def code_name(error):
    code = error.code
    return (code() if callable(code) else code).name


def text_of(error):
    return error.details() if isinstance(error, grpc.RpcError) else str(error)


def detail(error):
    """The typed detail of a raw call's failure as "Message.variant" or "Message.variant.variant"; None: none."""
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        status = messages("error").RpcStatus.FromString(value)
        assert status.code == error.code().value[0], "the code of the detail is not that of the status"
        assert status.message == error.details(), "the text of the detail is not that of the status"
        (packed,) = status.details
        name = packed.TypeName().rsplit(".", 1)[1]
        message = getattr(messages("error"), name)()
        assert packed.Unpack(message), packed.type_url
        path = name
        while hasattr(message, "WhichOneof") and message.DESCRIPTOR.oneofs_by_name.get("variant"):
            variant = message.WhichOneof("variant")
            path += f".{variant}"
            message = getattr(message, variant) if variant else None
        return path
    return None


class ClientTest(ServerTest):
    """Tests that use a client of the interpreter's generation."""

    def connect(self, **options):
        db = PACKAGE.connect(self.server.target, **options)
        self.addCleanup(db.close)
        return db

    def channel(self):
        """A bare channel, for what the client does not offer."""
        channel = grpc.insecure_channel(self.server.flight)
        self.addCleanup(channel.close)
        return channel

    def raw(self, package, service, session=None):
        """Calls of a service by the wheel's messages: raw("audit", "AuditService", "s").Verify(request)."""
        return Raw(stub(self.channel(), package, service), session)

    @contextlib.contextmanager
    def fails(self, code, text="", leaf=None):
        """The client's call fails with this code, as exactly the class that its generation has for it."""
        with self.assertRaises(failure_class(code, leaf)) as caught:
            yield caught
        error = caught.exception
        self.assertEqual(code_name(error), code, text_of(error))
        self.assertTrue(text_of(error), "a failure without a text")
        self.assertIn(text, text_of(error))
        if NEW:
            self.assertIs(type(error), failure_class(code, leaf))

    @contextlib.contextmanager
    def fails_raw(self, code, text="", with_detail=None):
        """The raw call fails with this code and this typed detail (None: with none)."""
        with self.assertRaises(grpc.RpcError) as caught:
            yield caught
        error = caught.exception
        self.assertEqual(error.code().name, code, error.details())
        self.assertTrue(error.details(), "a failure without a text")
        self.assertIn(text, error.details())
        self.assertEqual(detail(error), with_detail)

    @contextlib.contextmanager
    def refused_by_the_client(self, text):
        """Refused before anything is sent."""
        with self.assertRaises(ValueError) as caught:
            yield caught
        self.assertIn(text, str(caught.exception))
        if NEW:
            self.assertIs(type(caught.exception), PACKAGE.errors.InvalidArgument)


class Raw:
    """A stub whose calls carry a session's header and a limit of time."""

    def __init__(self, stub_, session):
        self._stub = stub_
        self._metadata = ((SESSION, session),) if session else ()

    def __getattr__(self, method):
        call = getattr(self._stub, method)
        return lambda request, **options: call(request, metadata=self._metadata, timeout=LIMIT, **options)
