//go:build !unix

package host

import (
	"context"
	"net"
	"os"

	"github.com/slipway-build/slipway/internal/diag"
)

// SSH is a machine that is reached by the ssh of this one.
type SSH struct {
	Address string
	Command []string
}

func notHere() error {
	return diag.Fail(diag.ExitRun, "deploying over ssh runs on Linux and macOS only")
}

// NewSSHClient refuses when it is asked.
func NewSSHClient(s SSH) *Client {
	return NewClient("the host "+s.Address, func(context.Context) (net.Conn, error) { return nil, notHere() })
}

// Install refuses.
func (s SSH) Install(context.Context, *os.File) error { return notHere() }

func rights(*os.File) []byte { return nil }

func readRights(*net.UnixConn) (*os.File, error) { return nil, notHere() }
