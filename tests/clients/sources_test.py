"""Sources: what is there of them without SQL."""
from generation import ClientTest, messages


class Sources(ClientTest):
    def test_case_60_an_empty_server(self):
        db = self.connect()
        self.assertEqual(db.list_sources(), [])
        self.assertIsNone(db.describe_source("absent"))

    def test_srv_086_removing_what_is_not_there_is_no_error(self):
        self.raw("catalog", "CatalogService").RemoveSource(
            messages("catalog").RemoveSourceRequest(source_id="absent"))
