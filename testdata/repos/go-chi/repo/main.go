// Command router answers with the article that a path names.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

func main() {
	r := chi.NewRouter()
	r.Use(middleware.Logger, middleware.Heartbeat("/ping"))
	r.Get("/articles/{slug}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "article", chi.URLParam(r, "slug"))
	})
	port := os.Getenv("PORT")
	if port == "" {
		port = "3333"
	}
	log.Fatal(http.ListenAndServe(":"+port, r))
}
