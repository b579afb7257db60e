package solve

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/session/secrets"

	"github.com/slipway-build/slipway/internal/engine"
)

// CompanionsID is the secret by which the session of a build says what its steps
// reach beside it. Secrets are the one thing of a build that BuildKit keeps out of
// cache keys, and that the worker can ask the session for.
const CompanionsID = "slipway.companions"

// besideStore adds companions to the secrets of a build.
type besideStore struct {
	secrets.SecretStore
	data []byte
}

// withCompanions returns the store with what the steps reach.
func withCompanions(store secrets.SecretStore, c engine.Companions) (secrets.SecretStore, error) {
	if !c.Some() {
		return store, nil
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("handing companions to the steps: %w", err)
	}
	return besideStore{store, data}, nil
}

// GetSecret implements secrets.SecretStore.
func (s besideStore) GetSecret(ctx context.Context, id string) ([]byte, error) {
	if id == CompanionsID {
		return s.data, nil
	}
	return s.SecretStore.GetSecret(ctx, id)
}
