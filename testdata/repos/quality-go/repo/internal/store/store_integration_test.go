//go:build integration

package store

import (
	"os"
	"strings"
	"testing"
)

func TestDatabase(t *testing.T) {
	if s := Open(os.Getenv("DATABASE_URL")); !strings.HasPrefix(s.Address, "postgres") {
		t.Errorf("the database is at %q", s.Address)
	}
}
