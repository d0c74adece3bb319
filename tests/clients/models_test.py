"""The model registry as clients see it."""
import os
import subprocess

from generation import ClientTest
from harness import environment

A = "018f5a0e-c4c8-7e10-9c4f-3b6f7c5a8e9a"


class Models(ClientTest):
    def test_srv_100_no_model(self):
        db = self.connect()
        self.assertEqual(db.list_models(), [])
        self.assertIsNone(db.describe_model("absent"))
        self.assertIsNone(db.describe_model("local:/with/slashes and blanks"))

    def test_srv_101_deleting_what_is_not_there(self):
        db = self.connect()
        with self.fails("NOT_FOUND", "absent", leaf="ModelNotFound"):
            db.delete_model("absent")
        with self.fails("NOT_FOUND", "absent", leaf="ModelNotFound"):
            db.delete_model("absent", version=3)
        db.delete_model("absent", if_exists=True)
        db.delete_model("absent", version=3, if_exists=True)

    def test_srv_100_an_empty_id_is_refused(self):
        with self.fails("INVALID_ARGUMENT"):
            self.connect().describe_model("")
        with self.fails("INVALID_ARGUMENT"):
            self.connect().delete_model("")


class RegisteredModels(ClientTest):
    """Models come from training, which is not of the wire: seed.cc puts them into the catalog."""

    @classmethod
    def prepare(cls, folder):
        subprocess.run([os.environ["JAMMI_TEST_SEED"]], env=environment(folder, cls.variables), cwd=folder, check=True)

    def scoped(self):
        db = self.connect()
        db.set_tenant(A)
        return db

    def ranker(self, status):
        return {"model_id": "org/ranker", "backend": "candle", "task": "text_embedding", "status": status}

    NER = {"model_id": "local:/models/ner", "backend": "ort", "task": "ner", "status": "registered"}

    def test_1_srv_100_own_and_global_models_each_version(self):
        versions = [self.ranker("registered"), self.ranker("loaded")]

        def listed(db):
            return sorted(db.list_models(), key=lambda model: (model["model_id"], model["status"] == "loaded"))

        self.assertEqual(listed(self.connect()), versions)
        self.assertEqual(listed(self.scoped()), [self.NER] + versions)

    def test_1_srv_100_the_newest_version_is_described(self):
        self.assertEqual(self.connect().describe_model("org/ranker"), self.ranker("loaded"))
        self.assertEqual(self.scoped().describe_model("local:/models/ner"), self.NER)
        self.assertIsNone(self.connect().describe_model("local:/models/ner"))  # another's is none

    def test_2_srv_102_srv_025_nobody_deletes_what_is_not_his(self):
        with self.fails("NOT_FOUND", leaf="ModelNotFound"):
            self.scoped().delete_model("org/ranker")
        with self.fails("NOT_FOUND", leaf="ModelNotFound"):
            self.connect().delete_model("local:/models/ner")
        self.connect().delete_model("local:/models/ner", if_exists=True)
        self.assertEqual(self.scoped().describe_model("local:/models/ner"), self.NER)

    def test_2_srv_101_a_model_in_use_is_not_deleted(self):
        with self.fails("FAILED_PRECONDITION", "org/ranker", leaf="ModelReferenced") as caught:
            self.connect().delete_model("org/ranker", version=1)
        self.assertIn("eval_runs", str(caught.exception))
        self.assertEqual(len(self.connect().list_models()), 2)

    def test_3_srv_101_the_newest_is_deleted_first(self):
        db = self.connect()
        db.delete_model("org/ranker")
        self.assertEqual(db.list_models(), [self.ranker("registered")])
        self.scoped().delete_model("local:/models/ner", version=1)
        self.assertIsNone(self.scoped().describe_model("local:/models/ner"))
