//go:build integration

// Package integration tests the API with real servers, which DATABASE_URL and REDIS_URL
// name.
package integration

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"example.com/go-testing/internal/orders"
)

// servers returns a store whose servers are empty, and the address of its API.
func servers(t *testing.T) (orders.Store, string) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if _, err := pool.Exec(t.Context(), "TRUNCATE orders, items RESTART IDENTITY"); err != nil {
		t.Fatal(err)
	}
	opts, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })
	if err := client.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	store := orders.Store{Postgres: pool, Redis: client}
	server := httptest.NewServer(orders.API(store))
	t.Cleanup(server.Close)
	return store, server.URL
}

func ask(t *testing.T, method, url, key string, body any) (int, orders.Order) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var order orders.Order
	if err := json.NewDecoder(res.Body).Decode(&order); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, order
}

var tea = orders.Order{Customer: "ada@example.com", Items: []orders.Item{{Article: "tea", Quantity: 3, Cents: 350}, {Article: "cup", Quantity: 10, Cents: 100}}}

func TestAnOrderIsFoundAgain(t *testing.T) {
	store, url := servers(t)
	status, created := ask(t, "POST", url+"/orders", "", tea)
	if status != http.StatusCreated || created.TotalCents != 2000 {
		t.Fatalf("%d %+v", status, created)
	}
	for range 2 { // from PostgreSQL, then from Redis alone
		if status, found := ask(t, "GET", url+"/orders/1", "", nil); status != http.StatusOK || !reflect.DeepEqual(found, created) {
			t.Errorf("%d %+v, want %+v", status, found, created)
		}
		if _, err := store.Postgres.Exec(t.Context(), "DELETE FROM orders"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARepeatedRequestIsStoredOnce(t *testing.T) {
	store, url := servers(t)
	_, first := ask(t, "POST", url+"/orders", "key", tea)
	status, second := ask(t, "POST", url+"/orders", "key", tea)
	if status != http.StatusOK || first.ID != second.ID {
		t.Errorf("%d %+v, want %+v", status, second, first)
	}
	var n int
	if err := store.Postgres.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d orders, %v", n, err)
	}
}

func TestNothingIsKeptOfAnOrderThatFails(t *testing.T) {
	store, _ := servers(t)
	bad := tea
	bad.Items = append(bad.Items[:2:2], orders.Item{Article: "tea", Quantity: 0, Cents: 1})
	if _, _, err := store.Add(t.Context(), bad, ""); err == nil {
		t.Fatal("an order of no piece is stored")
	}
	var n int
	if err := store.Postgres.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d orders, %v", n, err)
	}
}
