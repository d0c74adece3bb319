"""The model registry as clients see it."""
from generation import ClientTest, messages

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
