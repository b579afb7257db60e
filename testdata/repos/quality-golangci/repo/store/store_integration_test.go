//go:build integration

package store

import "testing"

func TestIntegration(t *testing.T) {
	if Get("a") == "a" {
		t.Log("no database")
	}
}
