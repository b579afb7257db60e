package peer

import (
	"context"
	"path/filepath"
)

// VegetaVersion is the load generator's, pinned as the peers are.
const VegetaVersion = "v12.13.0"

// CompileVegeta compiles the load generator for HTTP, unless the cache has it, and returns
// its path.
func (b Place) CompileVegeta(ctx context.Context) (string, error) {
	path := filepath.Join(b.Cache, "bin", "vegeta-"+VegetaVersion)
	return path, b.compile(ctx, "github.com/tsenart/vegeta/v12", VegetaVersion, ".", path)
}
