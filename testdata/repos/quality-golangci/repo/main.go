package main

import (
	"fmt"
	"net/http"

	"example.com/goapp/store"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, store.Get("a")) })
	http.ListenAndServe(":8080", nil)
}
