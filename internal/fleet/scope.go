package fleet

import (
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/repository"
)

// Scope says which builds share cache mounts.
type Scope string

// The scopes. Only the owner of a machine chooses one: no file of a repository does.
const (
	RepositoryScope Scope = "repository" // those of one repository; the zero value too
	SharedScope     Scope = "shared"     // all
)

// ParseScope reads SLIPWAY_CACHE_SCOPE.
func ParseScope(word string) (Scope, error) {
	switch s := Scope(word); s {
	case "", RepositoryScope, SharedScope:
		return s, nil
	}
	return "", diag.Fail(diag.ExitUsage, "invalid SLIPWAY_CACHE_SCOPE %q", word).
		WithHint("SLIPWAY_CACHE_SCOPE=repository keeps the cache mounts of each repository apart, SLIPWAY_CACHE_SCOPE=shared lets all repositories use one set")
}

// of names the repository at a directory for the engine, unless it is named already,
// as that of an address is; empty where all share.
func (s Scope) of(dir, named string) string {
	switch {
	case s == SharedScope:
		return ""
	case named != "":
		return named
	}
	return repository.ID(dir)
}
