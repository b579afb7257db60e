// Command stock is one of two services.
package main

import (
	"fmt"
	"log"
	"net/http"

	"example.com/shop/libs/money"
)

func main() {
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "stock", money.Cents(1250)) })
	log.Fatal(http.ListenAndServe(":8082", nil))
}
