//go:build !unix

package cli

import (
	"context"
	"net"

	"github.com/slipway-build/slipway/internal/diag"
)

func noHost() error { return diag.Fail(diag.ExitRun, "a host requires Linux") }

func listenHost(context.Context, string) (net.Listener, func(), error) { return nil, nil, noHost() }

func (a *app) hostRuns() bool { return false }

func endProcess(int) error { return noHost() }

func (a *app) startHost(context.Context) (bool, error) { return false, noHost() }

func (a *app) launchHost(context.Context, ...string) error { return noHost() }
