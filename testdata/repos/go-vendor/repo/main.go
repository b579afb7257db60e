// Command ids gives out identifiers.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/google/uuid"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, uuid.NewString()) })
	server := &http.Server{Addr: ":7000"}
	log.Fatal(server.ListenAndServe())
}
