// Command adder adds in C.
package main

// static int add(int a, int b) { return a + b; }
import "C"

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8090"
	}
	http.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, C.add(40, 2)) })
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
