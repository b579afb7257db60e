// Command orders is one of two services.
package main

import (
	"fmt"
	"log"
	"net/http"

	"example.com/shop/libs/money"
)

func main() {
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "orders", money.Cents(1250)) })
	log.Fatal(http.ListenAndServe(":8081", nil))
}
