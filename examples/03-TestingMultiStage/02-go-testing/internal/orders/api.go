package orders

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
)

// API serves a store over HTTP.
func API(store Store) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
		var order Order
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 256<<10)).Decode(&order)
		if err == nil {
			err = order.Check()
		}
		if err != nil {
			answer(w, http.StatusUnprocessableEntity, map[string]string{"error": err.Error()})
			return
		}
		stored, isNew, err := store.Add(r.Context(), order, r.Header.Get("Idempotency-Key"))
		if err != nil {
			broken(w, err)
			return
		}
		w.Header().Set("Location", "/orders/"+strconv.FormatInt(stored.ID, 10))
		status := http.StatusOK
		if isNew {
			status = http.StatusCreated
		}
		answer(w, status, stored)
	})
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseInt(r.PathValue("id"), 10, 32)
		if err != nil || id < 1 {
			answer(w, http.StatusNotFound, map[string]string{"error": ErrNotFound.Error()})
			return
		}
		order, err := store.Get(r.Context(), id)
		switch {
		case errors.Is(err, ErrNotFound):
			answer(w, http.StatusNotFound, map[string]string{"error": err.Error()})
		case err != nil:
			broken(w, err)
		default:
			answer(w, http.StatusOK, order)
		}
	})
	return mux
}

func broken(w http.ResponseWriter, err error) {
	slog.Error("a request failed", "error", err)
	answer(w, http.StatusInternalServerError, map[string]string{"error": "the server failed"})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Error("an answer was not sent", "error", err)
	}
}
