import unittest

from tasks.store import Store


class StoreTest(unittest.TestCase):
    def test_finds_what_was_added(self) -> None:
        store = Store()
        task = store.add("write a test")
        self.assertEqual(store.get(task.id), task)
        self.assertIsNone(store.get(99))

    def test_filters_by_state(self) -> None:
        store = Store()
        store.add("first").done = True
        second = store.add("second")
        self.assertEqual(store.all(done=False), [second])
        self.assertEqual(len(store.all()), 2)


if __name__ == "__main__":
    unittest.main()
