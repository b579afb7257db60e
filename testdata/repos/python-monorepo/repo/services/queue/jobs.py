from celery import Celery

queue = Celery("jobs", broker="redis://redis:6379/0")


@queue.task
def add(a, b):
    return a + b
