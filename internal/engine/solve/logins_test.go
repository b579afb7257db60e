package solve

import (
	"context"
	"testing"

	"github.com/moby/buildkit/session/auth"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type tokens struct {
	auth.AuthServer
	asked []string
}

func (s *tokens) FetchToken(ctx context.Context, req *auth.FetchTokenRequest) (*auth.FetchTokenResponse, error) {
	if _, bounded := ctx.Deadline(); bounded {
		s.asked = append(s.asked, req.Realm)
	}
	return &auth.FetchTokenResponse{}, nil
}

func TestTokenServersNeedTLS(t *testing.T) {
	for realm, want := range map[string]codes.Code{
		"https://auth.docker.io/token": codes.OK, "http://127.0.0.1:5000/token": codes.OK, "http://localhost/token": codes.OK,
		"http://tokens.example/token": codes.PermissionDenied, "http://169.254.169.254/": codes.PermissionDenied,
		"ftp://tokens.example": codes.PermissionDenied, "": codes.PermissionDenied, "http://localhost.example/": codes.PermissionDenied,
	} {
		s := &tokens{}
		_, err := logins{s}.FetchToken(t.Context(), &auth.FetchTokenRequest{Realm: realm, Host: "registry.example"})
		if got := status.Code(err); got != want || (len(s.asked) == 1) != (want == codes.OK) {
			t.Errorf("%q: %v, asked %q", realm, err, s.asked)
		}
	}
	if _, ok := newLogins().(logins); !ok {
		t.Error("BuildKit's provider is no longer an AuthServer: tokens are not bounded")
	}
}
