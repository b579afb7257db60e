package main

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// Quote is one saying.
type Quote struct {
	ID     int    `json:"id"`
	Author string `json:"author"`
	Text   string `json:"quote"`
}

//go:embed quotes.json
var quotesJSON []byte

func quotes() []Quote {
	var all []Quote
	if err := json.Unmarshal(quotesJSON, &all); err != nil {
		panic(err) // it is part of the program
	}
	return all
}

func routes() http.Handler {
	all := quotes()
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.Get("/health", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	r.Get("/quotes", func(w http.ResponseWriter, req *http.Request) {
		found := []Quote{}
		for _, q := range all {
			if strings.Contains(strings.ToLower(q.Author), strings.ToLower(req.URL.Query().Get("author"))) {
				found = append(found, q)
			}
		}
		answer(w, http.StatusOK, found)
	})
	r.Get("/quotes/{id}", func(w http.ResponseWriter, req *http.Request) {
		id, err := strconv.Atoi(chi.URLParam(req, "id"))
		if err != nil || id < 1 || id > len(all) {
			answer(w, http.StatusNotFound, map[string]string{"error": "there is no such quote"})
			return
		}
		answer(w, http.StatusOK, all[id-1])
	})
	return r
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
