//go:build linux

package embedded

import (
	"strings"
	"testing"

	"github.com/moby/buildkit/solver/pb"

	"github.com/slipway-build/slipway/internal/engine/embedded/outbound"
)

func TestDockerfilesAddNoRepositoryOfTheMachine(t *testing.T) {
	guard := outbound.Guard{Reachable: []string{"localhost:3000"}}
	for address, refused := range map[string]bool{
		"http://127.0.0.1:5055/x.git":        true,
		"http://localhost/x.git":             true,
		"https://[::1]:8443/x.git":           true,
		"git://127.0.0.1/x.git":              true,
		"ssh://git@127.0.0.1/x.git":          true,
		"git@127.0.0.1:x.git":                true,
		"http://169.254.169.254/x.git":       true,
		"http://[::ffff:127.0.0.1]:80/x.git": true,
		"http://localhost:3000/x.git":        false, // the owner's
		"https://203.0.113.9/x.git":          false,
		"https://git.invalid/x.git":          false, // a proxy may know it
	} {
		op := &pb.SourceOp{Identifier: "git://host/x.git", Attrs: map[string]string{pb.AttrFullRemoteURL: address}}
		err := outsideOnly(t.Context(), guard, op)
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "is this machine") {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := outsideOnly(t.Context(), guard, &pb.SourceOp{Identifier: "docker-image://127.0.0.1:5000/x"}); err != nil {
		t.Errorf("an image: %v", err)
	}
	if err := outsideOnly(t.Context(), guard, nil); err != nil {
		t.Errorf("no source: %v", err)
	}
}
