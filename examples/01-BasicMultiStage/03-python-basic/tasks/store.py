"""Tasks in memory; a database would be behind the same methods."""

from dataclasses import dataclass


@dataclass
class Task:
    id: int
    title: str
    done: bool = False


class Store:
    def __init__(self) -> None:
        self._tasks: dict[int, Task] = {}

    def add(self, title: str) -> Task:
        task = Task(id=len(self._tasks) + 1, title=title)
        self._tasks[task.id] = task
        return task

    def get(self, id: int) -> Task | None:
        return self._tasks.get(id)

    def all(self, done: bool | None = None) -> list[Task]:
        return [t for t in self._tasks.values() if done is None or t.done == done]
