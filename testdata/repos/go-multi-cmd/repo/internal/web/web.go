// Package web answers requests.
package web

import (
	"embed"
	"fmt"
	"net/http"

	"example.com/desk/internal/queue"
)

//go:embed pages
var pages embed.FS

// Handler serves the pages, the length of the queue and the health check.
func Handler(q *queue.Queue) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/queue", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, q.Len()) })
	mux.Handle("/", http.FileServerFS(pages))
	return mux
}
