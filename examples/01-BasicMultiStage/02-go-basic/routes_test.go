package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/health", http.StatusOK, `"ok"`},
		{"/quotes", http.StatusOK, "Dijkstra"},
		{"/quotes?author=hopper", http.StatusOK, "A ship in port"},
		{"/quotes?author=nobody", http.StatusOK, "[]"},
		{"/quotes/3", http.StatusOK, "Simplicity"},
		{"/quotes/4", http.StatusNotFound, "no such quote"},
		{"/quotes/one", http.StatusNotFound, "no such quote"},
	} {
		w := httptest.NewRecorder()
		routes().ServeHTTP(w, httptest.NewRequest(http.MethodGet, c.path, nil))
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%s: %d %s, want %d with %q", c.path, w.Code, w.Body, c.status, c.want)
		}
	}
}
