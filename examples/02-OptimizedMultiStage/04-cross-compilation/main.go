// Command checksums computes checksums over HTTP, and says for which platform it
// was compiled.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"

	"example.com/checksums/internal/hash"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: ":8080", Handler: routes(), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.WithoutCancel(ctx))
	}()
	log.Printf("listening on %s, compiled for %s/%s", server.Addr, runtime.GOOS, runtime.GOARCH)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

func routes() http.Handler {
	r := chi.NewRouter()
	r.Get("/health", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	r.Get("/platform", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"os": runtime.GOOS, "arch": runtime.GOARCH})
	})
	r.Post("/sums", func(w http.ResponseWriter, req *http.Request) {
		sums, err := hash.Of(http.MaxBytesReader(w, req.Body, 16<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		answer(w, sums)
	})
	return r
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
