// Tides answers with the next high water.
package main

import (
	"fmt"
	"log"
	"net/http"

	"example.com/tides/internal/almanac"
)

func main() {
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/next", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, almanac.Next()) })
	log.Fatal(http.ListenAndServe(":8080", nil))
}
