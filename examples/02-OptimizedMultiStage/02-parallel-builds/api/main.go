// Command stations serves what weather stations have measured.
package main

import (
	"cmp"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/go-chi/chi/v5"
)

func main() {
	port := cmp.Or(os.Getenv("PORT"), "8081")
	server := &http.Server{Addr: ":" + port, Handler: routes(os.Getenv("WEB_DIR")), ReadHeaderTimeout: 5 * time.Second}
	log.Printf("listening on %s", port)
	log.Fatal(server.ListenAndServe())
}

// Station is a place and the last temperature there.
type Station struct {
	Name    string  `json:"name"`
	Celsius float64 `json:"celsius"`
}

func stations() []Station {
	return []Station{{"Harbour", 11.5}, {"Hill", 7.25}, {"Station square", 12}}
}

// routes also serves pages from a directory, when there is one.
func routes(pages string) http.Handler {
	r := chi.NewRouter()
	r.Get("/health", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	r.Get("/stations", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_ = json.NewEncoder(w).Encode(stations())
	})
	if pages != "" {
		r.Handle("/*", http.FileServer(http.Dir(pages)))
	}
	return r
}
