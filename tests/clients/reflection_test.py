"""Reflection and health as gRPC has them for programs that know nothing of Jammi."""
import grpc
from google.protobuf import descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from generation import LIMIT, ClientTest

PUBLISHED = {
    "jammi.v1.audit.AuditService", "jammi.v1.catalog.CatalogService", "jammi.v1.embedding.EmbeddingService",
    "jammi.v1.eval.EvalService", "jammi.v1.inference.InferenceService", "jammi.v1.job.JobService",
    "jammi.v1.pipeline.PipelineService", "jammi.v1.training.TrainingService", "jammi.v1.trigger.TriggerService",
}
SERVED = {
    "jammi.v1.audit.AuditService", "jammi.v1.catalog.CatalogService", "jammi.v1.trigger.TriggerService",
}
OTHERS = {
    "arrow.flight.protocol.FlightService", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection",
    "jammi.ext.v1.AuditChainService", "jammi.ext.v1.OperationsService", "jammi.ext.v1.StreamService",
}


class Reflection(ClientTest):
    def setUp(self):
        self.database = ProtoReflectionDescriptorDatabase(self.channel())
        # A pool of its own: that of the process knows the messages of the wheel.
        self.pool = descriptor_pool.DescriptorPool(self.database)

    def test_all_services_are_listed(self):
        self.assertLessEqual(PUBLISHED | OTHERS, set(self.database.get_services()))

    def test_no_service_is_listed_twice(self):
        services = list(self.database.get_services())
        self.assertEqual(len(services), len(set(services)))

    def test_all_messages_of_all_methods_resolve(self):
        for name in self.database.get_services():
            service = self.pool.FindServiceByName(name)
            self.assertTrue(service.methods, name)
            for method in service.methods:
                for message in (method.input_type, method.output_type):
                    self.assertEqual(self.pool.FindMessageTypeByName(message.full_name).full_name, message.full_name)

    def test_a_call_by_what_reflection_says_alone(self):
        method = self.pool.FindServiceByName("jammi.v1.catalog.CatalogService").FindMethodByName("GetServerInfo")
        request, reply = (message_factory.GetMessageClass(each) for each in (method.input_type, method.output_type))
        call = self.channel().unary_unary("/jammi.v1.catalog.CatalogService/GetServerInfo",
                                          request_serializer=request.SerializeToString,
                                          response_deserializer=reply.FromString)
        self.assertIn("core", call(request(), timeout=LIMIT).services)

    def test_streams_are_said_to_be_streams(self):
        subscribe = self.pool.FindServiceByName("jammi.v1.trigger.TriggerService").FindMethodByName("Subscribe")
        self.assertEqual((subscribe.client_streaming, subscribe.server_streaming), (False, True))

    def test_a_symbol_that_is_not_there(self):
        stub = reflection_pb2_grpc.ServerReflectionStub(self.channel())
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Symbol")
        (reply,) = stub.ServerReflectionInfo(iter([request]), timeout=LIMIT)
        self.assertEqual(reply.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])


class Health(ClientTest):
    SERVING = b"\x08\x01"

    def check(self, service):
        name = service.encode()
        return self.channel().unary_unary("/grpc.health.v1.Health/Check")(
            b"\x0a" + bytes([len(name)]) + name if name else b"", timeout=LIMIT)

    def test_the_server_and_each_service_that_is_served(self):
        for service in {""} | SERVED:
            with self.subTest(service):
                self.assertEqual(self.check(service), self.SERVING)

    def test_a_service_that_is_not_there_or_has_no_method_that_is_served(self):
        for service in {"no.such.Service"} | (PUBLISHED - SERVED):
            with self.subTest(service), self.fails_raw("NOT_FOUND"):
                self.check(service)

    def test_who_watches_is_told_at_once(self):
        call = self.channel().unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=LIMIT)
        self.assertEqual(next(call), self.SERVING)
        call.cancel()
