"""The HTTP port, by curl."""
import concurrent.futures
import json
import re
import subprocess

import grpc

from generation import ClientTest
from info_test import EMPTY


class Reply:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        status, *lines = head.split("\r\n")
        self.status = int(status.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def json(self):
        return json.loads(self.body)


class Http(ClientTest):
    def curl(self, path, *options):
        done = subprocess.run(["curl", "-sS", "-i", "--max-time", "30", *options,
                               f"http://{self.server.health}{path}"], capture_output=True, check=True)
        return Reply(done.stdout.decode())

    def metrics(self):
        """The samples without labels: name to value."""
        return {name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", self.curl("/metrics").body, re.M)}

    def test_case_01_srv_050_healthz(self):
        reply = self.curl("/healthz")
        self.assertEqual(reply.status, 200)
        self.assertIn("application/json", reply.headers["content-type"])
        self.assertEqual(reply.json(), {"status": "ok", "version": self.connect().get_server_info()["version"]})

    def test_case_02_srv_051_readyz(self):
        reply = self.curl("/readyz")
        self.assertEqual(reply.status, 200)
        self.assertEqual(reply.json()["status"], "ready")

    def test_case_03_srv_052_metrics_are_there_from_the_start(self):
        reply = self.curl("/metrics")
        self.assertEqual(reply.status, 200)
        self.assertIn("text/plain; version=0.0.4", reply.headers["content-type"])
        for name, kind in (("jammi_grpc_requests_total", "counter"), ("jammi_flight_queries_total", "counter"),
                           ("jammi_eval_invocations_total", "counter"),
                           ("jammi_search_latency_seconds", "histogram")):
            self.assertIn(f"# TYPE {name} {kind}\n", reply.body)
        self.assertIn("jammi_flight_queries_total", self.metrics())

    def test_case_03_case_09_calls_are_counted(self):
        before = self.metrics()
        catalog = self.raw("catalog", "CatalogService")
        for _ in range(3):
            catalog.GetServerInfo(EMPTY)
        with self.fails("UNIMPLEMENTED"):
            self.connect().eval_per_query("run")
        with self.fails("UNIMPLEMENTED"):
            self.connect().search("s", query=[1.0], k=1)
        after = self.metrics()
        for name, grown in (("jammi_grpc_requests_total", 5), ("jammi_eval_invocations_total", 1),
                            ("jammi_search_latency_seconds_count", 1)):
            with self.subTest(name):
                self.assertEqual(after[name] - before[name], grown)

    def test_case_04_srv_053_what_is_not_there(self):
        for path in ("/nope", "/", "/healthz/", "/metrics/x"):
            with self.subTest(path):
                reply = self.curl(path)
                self.assertEqual(reply.status, 404)
                self.assertEqual(reply.json(), {"error": "Not found", "code": "not_found"})

    def test_srv_053_another_method(self):
        for path in ("/healthz", "/readyz", "/metrics"):
            with self.subTest(path):
                self.assertEqual(self.curl(path, "-X", "POST", "-d", "x=1").status, 405)

    def test_case_05_srv_054_twenty_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            self.assertEqual([reply.status for reply in pool.map(self.curl, ["/healthz"] * 20)], [200] * 20)

    def test_several_requests_on_one_connection(self):
        url = f"http://{self.server.health}/healthz"
        done = subprocess.run(["curl", "-sS", "-w", "%{num_connects} ", "-o", "/dev/null", url, "-o", "/dev/null", url],
                              capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split(), ["1", "0"])

    def test_grpc_is_not_spoken_here(self):
        with grpc.insecure_channel(self.server.health) as channel:
            with self.assertRaises(grpc.RpcError):
                channel.unary_unary("/jammi.v1.catalog.CatalogService/GetServerInfo")(b"", timeout=10)
        self.assertEqual(self.curl("/healthz").status, 200)
