package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// ErrNotFound is returned for an order that does not exist.
var ErrNotFound = errors.New("there is no such order")

// Store keeps orders in PostgreSQL (db/schema.sql) and, for a day, in Redis.
type Store struct {
	Postgres *pgxpool.Pool
	Redis    *redis.Client
}

const keep = 24 * time.Hour

// Add stores an order and its items in one transaction. An order with a key that was
// used before is the earlier one.
func (s Store) Add(ctx context.Context, order Order, key string) (stored Order, isNew bool, err error) {
	if key != "" {
		if id, err := s.Redis.Get(ctx, "request:"+key).Int64(); err == nil {
			stored, err = s.Get(ctx, id)
			return stored, false, err
		}
	}
	order.TotalCents = Total(order.Items)
	err = pgx.BeginFunc(ctx, s.Postgres, func(tx pgx.Tx) error {
		row := tx.QueryRow(ctx, "INSERT INTO orders (customer, total_cents) VALUES ($1, $2) RETURNING id", order.Customer, order.TotalCents)
		if err := row.Scan(&order.ID); err != nil {
			return err
		}
		for n, i := range order.Items {
			_, err := tx.Exec(ctx, "INSERT INTO items (order_id, position, article, quantity, cents) VALUES ($1, $2, $3, $4, $5)",
				order.ID, n, i.Article, i.Quantity, i.Cents)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Order{}, false, fmt.Errorf("storing the order of %s: %w", order.Customer, err)
	}
	if key != "" {
		err = s.Redis.Set(ctx, "request:"+key, order.ID, keep).Err()
	}
	return order, true, err
}

// Get finds an order, in Redis or in PostgreSQL.
func (s Store) Get(ctx context.Context, id int64) (Order, error) {
	key := fmt.Sprintf("order:%d", id)
	var order Order
	if text, err := s.Redis.Get(ctx, key).Bytes(); err == nil && json.Unmarshal(text, &order) == nil {
		return order, nil
	}
	order = Order{ID: id}
	err := s.Postgres.QueryRow(ctx, "SELECT customer, total_cents FROM orders WHERE id = $1", id).Scan(&order.Customer, &order.TotalCents)
	if errors.Is(err, pgx.ErrNoRows) {
		return Order{}, ErrNotFound
	} else if err != nil {
		return Order{}, fmt.Errorf("reading order %d: %w", id, err)
	}
	rows, err := s.Postgres.Query(ctx, "SELECT article, quantity, cents FROM items WHERE order_id = $1 ORDER BY position", id)
	if err != nil {
		return Order{}, fmt.Errorf("reading the items of order %d: %w", id, err)
	}
	if order.Items, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Item]); err != nil {
		return Order{}, fmt.Errorf("reading the items of order %d: %w", id, err)
	}
	text, err := json.Marshal(order)
	if err != nil {
		return Order{}, err
	}
	return order, s.Redis.Set(ctx, key, text, keep).Err()
}
