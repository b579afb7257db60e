package orders

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What the API answers before it asks a server; the rest is in integration.
func TestAPI(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/health", "", 200},
		{"GET", "/orders/tea", "", 404},
		{"GET", "/orders/0", "", 404},
		{"GET", "/orders/99999999999", "", 404},
		{"POST", "/orders", `{"customer": "ada@example.com"}`, 422},
		{"POST", "/orders", `{`, 422},
		{"DELETE", "/orders/1", "", 405},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			w := httptest.NewRecorder()
			API(Store{}).ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
			if w.Code != c.want {
				t.Errorf("%d %s, want %s", w.Code, w.Body, http.StatusText(c.want))
			}
		})
	}
}
