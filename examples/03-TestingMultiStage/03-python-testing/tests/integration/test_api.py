import psycopg
import pytest

from shop.orders import Item, NewOrder

ORDER = {
    "customer": "ada@example.com",
    "items": [{"article": "tea", "quantity": 3, "cents": 350}, {"article": "cup", "quantity": 10, "cents": 100}],
}


def count(client) -> int:
    with client.app.state.store.pool.connection() as connection:
        return connection.execute("SELECT count(*) FROM orders").fetchone()[0]


def test_health(client):
    assert client.get("/health").json() == {"status": "ok"}


def test_an_order_is_found_again(client):
    created = client.post("/orders", json=ORDER)
    assert created.status_code == 201
    assert created.json()["total_cents"] == 2000
    assert client.get(created.headers["Location"]).json() == created.json()
    with client.app.state.store.pool.connection() as connection:
        connection.execute("DELETE FROM orders")
    assert client.get(created.headers["Location"]).json() == created.json()  # from Redis alone


def test_a_repeated_request_is_stored_once(client):
    first = client.post("/orders", json=ORDER, headers={"Idempotency-Key": "key"})
    second = client.post("/orders", json=ORDER, headers={"Idempotency-Key": "key"})
    assert (second.status_code, second.json()) == (200, first.json())
    assert count(client) == 1


def test_nothing_is_kept_of_an_order_that_fails(client):
    bad = Item.model_construct(article="tea", quantity=0, cents=1)
    order = NewOrder.model_construct(customer="ada@example.com", items=[Item(**ORDER["items"][0]), bad])
    with pytest.raises(psycopg.errors.CheckViolation):
        client.app.state.store.add(order)
    assert count(client) == 0


@pytest.mark.parametrize("id", ["7", "0", "-1", "99999999999"])
def test_an_unknown_order(client, id):
    assert client.get(f"/orders/{id}").status_code == 404
