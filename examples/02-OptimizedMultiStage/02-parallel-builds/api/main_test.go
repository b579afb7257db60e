package main

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestStations(t *testing.T) {
	w := httptest.NewRecorder()
	routes("").ServeHTTP(w, httptest.NewRequest("GET", "/stations", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `{"name":"Hill","celsius":7.25}`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
