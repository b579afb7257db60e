"""A list of tasks over HTTP."""

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from tasks.store import Store

app = FastAPI(title="python-basic")
store = Store()


class NewTask(BaseModel):
    title: str = Field(min_length=1, max_length=200)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/tasks")
def list_tasks(done: bool | None = None):
    return store.all(done)


@app.post("/tasks", status_code=201)
def add_task(task: NewTask):
    return store.add(task.title)


@app.post("/tasks/{id}/done")
def finish_task(id: int):
    task = store.get(id)
    if task is None:
        raise HTTPException(404, "there is no such task")
    task.done = True
    return task
