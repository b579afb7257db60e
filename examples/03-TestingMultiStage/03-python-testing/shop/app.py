"""The orders over HTTP."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException, Request, Response
from psycopg_pool import ConnectionPool
from redis import Redis

from shop.orders import NewOrder, Order
from shop.store import Store


@asynccontextmanager
async def servers(app: FastAPI) -> AsyncIterator[None]:
    with ConnectionPool(os.environ["DATABASE_URL"], open=True) as pool, Redis.from_url(os.environ["REDIS_URL"]) as redis:
        app.state.store = Store(pool, redis)
        yield


app = FastAPI(lifespan=servers)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/orders", status_code=201)
def add(order: NewOrder, request: Request, response: Response, idempotency_key: Annotated[str | None, Header()] = None) -> Order:
    stored, new = request.app.state.store.add(order, idempotency_key)
    response.headers["Location"] = f"/orders/{stored.id}"
    if not new:
        response.status_code = 200
    return stored


@app.get("/orders/{id}")
def get(id: int, request: Request) -> Order:
    order = request.app.state.store.get(id) if 0 < id < 2**31 else None
    if order is None:
        raise HTTPException(404, "there is no such order")
    return order
