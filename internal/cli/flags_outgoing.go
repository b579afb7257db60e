package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/slipway-build/slipway/internal/delivery"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/evidence"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
)

// outgoing is what happens to an image after its build.
type outgoing struct {
	*delivery.Delivery
	attester pipeline.Attester // nil: no evidence is kept
	pusher   pipeline.Pusher   // nil: it stays here
}

// outgoing opens what --attest, --sign, --load and --push need, before anything is built.
func (a *app) outgoing(ctx context.Context, store *image.Store, sink event.Sink, src *source, jobs []pipeline.Job, f buildFlags) (out outgoing, err error) {
	if out.attester, err = a.attester(store, src, f); err != nil {
		return out, err
	}
	if out.Delivery, err = a.deliveries(ctx, store, sink, jobs, f); err != nil {
		return out, err
	}
	if out.pusher, err = a.policed(out.Delivery, store, src, f); err != nil {
		return out, errors.Join(err, out.Close())
	}
	return out, nil
}

// attester is what --attest and --sign ask for; nil: neither does. The key is read before
// anything is built.
func (a *app) attester(store *image.Store, src *source, f buildFlags) (_ pipeline.Attester, err error) {
	switch {
	case !f.attest && !f.sign && f.key == "" && !f.keyless.on:
		return nil, nil
	case f.to.word != "":
		return nil, diag.Fail(diag.ExitUsage, "--attest and --sign do not apply to --output, which keeps no image").
			WithHint("remove --output, or sign what it writes with another tool")
	}
	at := evidence.Attester{Store: store, Provenance: f.attest, Version: Version, Root: src.Root}
	if src.git {
		at.URL = src.at
	}
	at.Signer, err = a.signer("build", f.sign, f.key, f.keyless)
	return at, err
}

// signer reads the key of --sign, or the token of --keyless; nil: nobody asked for
// signatures.
func (a *app) signer(command string, sign bool, key string, keyless keylessFlags) (evidence.Signer, error) {
	switch {
	case keyless.on && !sign:
		return nil, diag.Fail(diag.ExitUsage, "--keyless requires --sign").WithHint("slipway %s --sign --keyless", command)
	case key != "" && !sign:
		return nil, diag.Fail(diag.ExitUsage, "--key requires --sign").WithHint("slipway %s --sign --key %s", command, key)
	case !sign:
		return nil, nil
	}
	return a.signs(key, keyless)
}

// signs is a key, or an identity.
func (a *app) signs(key string, keyless keylessFlags) (evidence.Signer, error) {
	if keyless.on {
		if key != "" {
			return nil, diag.Fail(diag.ExitUsage, "--key and --keyless exclude each other").WithHint("choose one: cosign verifies an image that both signed by the identity alone")
		}
		return a.keyless(keyless)
	}
	name, err := a.signingKey(key)
	if err != nil {
		return nil, err
	}
	return a.keyring().Private(name)
}

// refusing pushes what slipway.yaml lets through.
type refusing struct {
	pipeline.Pusher
	refuse func(ctx context.Context, name string) error
}

// Push implements pipeline.Pusher.
func (r refusing) Push(ctx context.Context, name string) error {
	if err := r.refuse(ctx, name); err != nil {
		return err
	}
	return r.Pusher.Push(ctx, name)
}

// policed is what --push sends images with.
func (a *app) policed(to *delivery.Delivery, store *image.Store, src *source, f buildFlags) (pipeline.Pusher, error) {
	if !f.push {
		return to.Pusher(), nil
	}
	refuse, err := a.enforcer(src.Root, "push", store)
	if err != nil || refuse == nil {
		return to.Pusher(), err
	}
	return refusing{to.Pusher(), refuse}, nil
}

// attestFlag is --attest, alone or as docker build has it: type=provenance,mode=max.
type attestFlag struct{ on *bool }

// String implements pflag.Value.
func (attestFlag) String() string { return "" }

// Type implements pflag.Value.
func (attestFlag) Type() string { return "bool" }

// Set implements pflag.Value.
func (f attestFlag) Set(value string) error {
	*f.on = value != "false" && value != "0" && !strings.Contains(value, "disabled=true")
	return nil
}

// takeAttest gives --attest the value that docker build separates with a space, which is
// an argument of its own here.
func (f *buildFlags) takeAttest(args []string) ([]string, error) {
	if len(args) == 0 || !strings.HasPrefix(args[0], "type=") || !f.attest {
		return args, nil
	}
	return args[1:], attestFlag{&f.attest}.Set(args[0])
}
