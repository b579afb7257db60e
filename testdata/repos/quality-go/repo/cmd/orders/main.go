package main

import (
	"fmt"
	"net/http"
	"os"

	"example.com/orders/internal/price"
	"example.com/orders/internal/store"
)

func main() {
	db := store.Open(os.Getenv("DATABASE_URL"))
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, db.Address, price.Total(nil)) })
	if err := http.ListenAndServe(":8080", nil); err != nil {
		panic(err)
	}
}
