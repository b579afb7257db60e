package solve

import (
	"context"
	"net/url"
	"os"
	"time"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/session/auth/authprovider"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/slipway-build/slipway/internal/httplimit"
)

// logins hands the passwords of `docker login` to BuildKit, each for its registry.
// BuildKit asks the token server that the registry names; logins adds that it has to
// answer in time, and that no password goes over plain HTTP to another machine.
type logins struct{ auth.AuthServer }

// tokenTime bounds one question to a token server.
const tokenTime = time.Minute

func newLogins() session.Attachable {
	inner := authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: authprovider.LoadAuthConfig(dockerLogins()),
	})
	if server, ok := inner.(auth.AuthServer); ok {
		return logins{server}
	}
	return inner
}

// Register implements session.Attachable.
func (l logins) Register(server *grpc.Server) { auth.RegisterAuthServer(server, l) }

// FetchToken implements auth.AuthServer.
func (l logins) FetchToken(ctx context.Context, req *auth.FetchTokenRequest) (*auth.FetchTokenResponse, error) {
	realm, err := url.Parse(req.Realm)
	if err != nil || realm.Scheme != "https" && !httplimit.Loopback(realm.Hostname()) {
		return nil, status.Errorf(codes.PermissionDenied, "%s names a token server without TLS, which gets no credentials", req.Host)
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTime)
	defer cancel()
	return l.AuthServer.FetchToken(ctx, req)
}

// dockerLogins reads what `docker login` keeps. A file that cannot be read holds no
// credentials: only a registry that asks for some will say so.
func dockerLogins() *configfile.ConfigFile {
	file, err := config.Load(os.Getenv("DOCKER_CONFIG"))
	if err != nil {
		return configfile.New("")
	}
	return file
}
