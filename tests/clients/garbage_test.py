"""Requests that are none: nothing crashes, and the next call is served."""
import concurrent.futures
import random
import socket

import grpc

from generation import LIMIT, NEW, ClientTest, messages
from info_test import EMPTY

PACKAGES = ["audit", "catalog", "embedding", "eval", "inference", "pipeline", "training", "trigger"]
REFUSALS = {"INVALID_ARGUMENT", "INTERNAL", "UNIMPLEMENTED", "FAILED_PRECONDITION", "NOT_FOUND"}


class Garbage(ClientTest):
    def methods(self):
        for package in PACKAGES + (["job"] if NEW else []):
            for service in messages(package).DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    yield f"/{service.full_name}/{method.name}", method

    def assert_alive(self):
        self.assertIn("core", self.raw("catalog", "CatalogService").GetServerInfo(EMPTY).services)

    def test_bytes_that_are_no_message(self):
        channel = self.channel()
        # A varint without end, a length beyond the end, a group, a wrong wire type for each first fields.
        for bytes_ in (b"\xff\xff\xff", b"\x0a\xff\x01x", b"\x0b", b"\x0d\x00"):
            for path, method in self.methods():
                with self.subTest(path=path, bytes=bytes_):
                    call = channel.unary_stream(path)(bytes_, timeout=LIMIT, metadata=(("jammi-session-id", "g"),))
                    try:
                        list(call)
                    except grpc.RpcError as error:
                        self.assertIn(error.code().name, REFUSALS)
                        self.assertTrue(error.details())
        self.assert_alive()

    def test_text_that_is_no_utf8(self):
        call = self.channel().unary_unary("/jammi.v1.catalog.CatalogService/DescribeModel")
        with self.assertRaises(grpc.RpcError) as caught:
            call(b"\x0a\x02\xc3\x28", timeout=LIMIT)
        self.assertIn(caught.exception.code().name, REFUSALS)

    def test_a_message_beyond_the_limit(self):
        call = self.channel().unary_unary("/jammi.v1.catalog.CatalogService/DescribeModel")
        text = b"x" * (65 << 20)
        with self.assertRaises(grpc.RpcError) as caught:
            call(b"\x0a" + varint(len(text)) + text, timeout=LIMIT)
        self.assertIn(caught.exception.code().name, {"RESOURCE_EXHAUSTED", "OUT_OF_RANGE"})
        self.assert_alive()

    def test_connections_that_speak_something_else(self):
        host, port = self.server.flight.rsplit(":", 1)
        noise = random.Random(1)
        for sent in (b"", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + noise.randbytes(500),
                     noise.randbytes(5000)):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(sent)
        self.assert_alive()

    def test_many_sessions_with_a_client_that_goes_at_once(self):
        def call(_):
            with grpc.insecure_channel(self.server.flight) as channel:
                channel.unary_unary("/jammi.v1.catalog.CatalogService/GetServerInfo").future(b"")

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(call, range(100)))
        self.assert_alive()


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
