"""Methods that this server does not serve: each says so with a text, as the client's own class for it."""
from generation import LIMIT, NEW, PACKAGE, ClientTest, messages

# The clients' verbs with arguments that they let through.
VERBS = {
    "encode_query": ((), dict(model="m", query="hello", modality="text")),
    "generate_embeddings": ((), dict(source="s", model="m", columns=["c"], key="k", modality="text")),
    "search": (("s",), dict(query=[1.0, 0.5], k=3)),
    "infer": ((), dict(source="s", model="m", task="classification", columns=["c"], key="k")),
    "fine_tune": ((), dict(source="s", base_model="m", columns=["a", "b"], method="lora",
                           task="text_embedding")),
    "train_context_predictor": (("s",), dict(key_column="k", task_column="t", value_column="v")),
    "predict_with_context_predictor": (("m",), dict(source="s", target_key="k")),
    "build_neighbor_graph": (("s",), dict(k=3)),
    "propagate_embeddings": (("s",), dict(edge_graph_table="g")),
    "asof_join": (("a", "b"), dict(spine_by=["k"], spine_time="t", facts_by=["k"], facts_time="t")),
    "recompute": (("t",), {}),
    "assemble_context": (("s",), dict(query=[1.0, 0.5], k=3)),
    "eval_embeddings": ((), dict(source="s", golden_source="g", k=3)),
    "eval_per_query": (("run",), {}),
    "eval_inference": ((), dict(model="m", source="s", columns=["c"], task="classification",
                                golden_source="g", label_column="l")),
    "eval_compare": ((), dict(embedding_tables=["a", "b"], source="s", golden_source="g", k=3)),
    "eval_calibration": ((), dict(source="s", golden_source="g", shape="gaussian")),
}
ONLY_NEW = {
    "import_embeddings": ((), dict(source="s", model="m", vectors_url="/v.parquet", key="k", text_columns=["c"],
                                       dimensions=2)),
    "lexical_search": (("s",), dict(text="q", k=3)),
    "build_lexical_index": (("s",), dict(columns=["c"], key="k")),
    "refresh_embeddings": (("t",), {}),
    "compact_embeddings": (("t",), {}),
    "expire_versions": (("t",), dict(before=1)),
    "list_jobs": ((), {}),
    "list_workers": ((), {}),
    "prune_jobs": ((), {}),
    "cancel_job": (("j",), {}),
}
UNSERVED_PACKAGES = ["embedding", "inference", "pipeline", "eval", "training"] + (["job"] if NEW else [])


class Unserved(ClientTest):
    def test_srv_041_srv_232_each_verb_says_what_is_missing(self):
        db = self.connect()
        for verb, (arguments, options) in (VERBS | (ONLY_NEW if NEW else {})).items():
            with self.subTest(verb), self.fails("UNIMPLEMENTED", "Service/"):
                getattr(db, verb)(*arguments, **options)

    def test_srv_041_each_method_of_the_wheels_descriptors(self):
        channel = self.channel()
        for package in UNSERVED_PACKAGES:
            for service in messages(package).DESCRIPTOR.services_by_name.values():
                for method in service.methods:
                    with self.subTest(method.full_name):
                        self.assert_unserved(channel, service.full_name, method.name, method.name)

    def test_srv_041_srv_042_what_nobody_knows(self):
        channel = self.channel()
        for service, method in (("jammi.v1.lifecycle.LifecycleService", "Login"), ("no.such.Service", "Method"),
                                ("jammi.v1.catalog.CatalogService", "NoSuchMethod")):
            with self.subTest(service):
                self.assert_unserved(channel, service, method, method)

    def assert_unserved(self, channel, service, method, text):
        call = channel.unary_unary(f"/{service}/{method}")
        with self.fails_raw("UNIMPLEMENTED", text):
            call(b"", timeout=LIMIT)

    def test_sql_says_that_there_is_none(self):
        # Not of the family of the client's errors: pyarrow has a class of its own for this code (wire.md 7.4).
        with self.assertRaises(NotImplementedError) as caught:
            self.connect().sql("SELECT 1 AS one")
        self.assertIn("SQL", str(caught.exception))

    if NEW:

        def test_what_only_an_embedded_engine_has_is_refused_by_the_client(self):
            db = self.connect()
            for use in (lambda: db.audit, lambda: db.ephemeral_session(timeout_seconds=1),
                        lambda: db.preload_model("m")):
                with self.assertRaises(PACKAGE.errors.NotSupportedOnBackend):
                    use()

    def test_what_clients_compute_themselves_needs_no_server(self):
        db = self.connect()
        self.assertEqual([name for name, _ in db.rrf_fuse([["a", "b"], ["a", "c"]])][0], "a")
        self.assertTrue(db.conformalize_interval([1.0, 2.0, 3.0], [1.0, 2.5, 3.0], [2.0], alpha=0.5))
