"""Orders in PostgreSQL (db/schema.sql) and, for a day, in Redis."""

from psycopg.rows import class_row, scalar_row
from psycopg_pool import ConnectionPool
from redis import Redis

from shop.orders import Item, NewOrder, Order, total_cents

KEEP_SECONDS = 24 * 60 * 60


class Store:
    def __init__(self, pool: ConnectionPool, redis: Redis) -> None:
        self.pool = pool
        self.redis = redis

    def add(self, order: NewOrder, key: str | None = None) -> tuple[Order, bool]:
        """Store an order in one transaction, or find the one that was made with this key."""
        if key and (earlier := self.redis.get(f"request:{key}")) and (found := self.get(int(earlier))):
            return found, False
        total = total_cents(order.items)
        with self.pool.connection() as connection, connection.cursor(row_factory=scalar_row) as cursor:
            cursor.execute("INSERT INTO orders (customer, total_cents) VALUES (%s, %s) RETURNING id", (order.customer, total))
            id = cursor.fetchone()
            cursor.executemany(
                "INSERT INTO items (order_id, position, article, quantity, cents) VALUES (%s, %s, %s, %s, %s)",
                [(id, n, item.article, item.quantity, item.cents) for n, item in enumerate(order.items)],
            )
        if key:
            self.redis.set(f"request:{key}", id, ex=KEEP_SECONDS)
        return Order(id=id, total_cents=total, **order.model_dump()), True

    def get(self, id: int) -> Order | None:
        """Find an order, in Redis or in PostgreSQL."""
        if known := self.redis.get(f"order:{id}"):
            return Order.model_validate_json(known)
        with self.pool.connection() as connection:
            row = connection.execute("SELECT customer, total_cents FROM orders WHERE id = %s", (id,)).fetchone()
            if row is None:
                return None
            cursor = connection.cursor(row_factory=class_row(Item))
            items = cursor.execute("SELECT article, quantity, cents FROM items WHERE order_id = %s ORDER BY position", (id,)).fetchall()
        order = Order(id=id, customer=row[0], total_cents=row[1], items=items)
        self.redis.set(f"order:{id}", order.model_dump_json(), ex=KEEP_SECONDS)
        return order
