// Command ids gives out identifiers.
package main

import (
	"fmt"
	"log"
	"net/http"

	"example.com/tickets"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, tickets.New()) })
	server := &http.Server{Addr: ":7000"}
	log.Fatal(server.ListenAndServe())
}
