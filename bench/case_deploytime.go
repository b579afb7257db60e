package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/slipway-build/slipway/bench/peer"
)

// beyondHealth is the longest that a deploy may take beyond the time that the new container
// needs to become healthy.
const beyondHealth = 0.5 // s

// measureDeployTime replaces one service without load and without soak, in turn with the
// same steps by hand.
func measureDeployTime(ctx context.Context, b *bench) ([]Figure, error) {
	y, err := b.openYard(ctx)
	if err != nil {
		return nil, err
	}
	defer y.close(ctx)
	s := setting{strategy: "rolling", replicas: 1, web: served{version: "w"}, rpc: served{version: "r"}}
	if _, err := y.deploy(ctx, s); err != nil {
		return nil, err
	}
	hand, err := y.newHand(ctx)
	if err != nil {
		return nil, err
	}
	defer hand.close(ctx)
	var beyond []float64
	deploys := func(ctx context.Context, round int) (float64, error) {
		s.web.version = fmt.Sprintf("w%d", round)
		seconds, err := y.deploy(ctx, s)
		if err != nil {
			return 0, err
		}
		c, err := y.container(ctx, "web")
		beyond = append(beyond, seconds-float64(c.Status.ReadyMillis)/1000)
		return seconds, err
	}
	took, err := alternate(ctx, b.runs, deploys, hand.replace)
	if err != nil {
		return nil, err
	}
	return []Figure{
		medianAtMost("deploy of one changed service, beyond the time to its health", beyondHealth, beyond, "s",
			fmt.Sprintf("the whole command %s", secondsOf(took[0]))),
		info("the same by hand: slipway run, poll, nginx reload, slipway stop", took[1], "s", secondsOf(took[1])),
	}, nil
}

// hand is the sequence that scripts for one host have: start the new container beside the
// old one, ask its health, point nginx to it, stop the old one.
type hand struct {
	y     *yard
	dir   string
	nginx *nginx
	runs  string // name of the group that runs
}

func (y *yard) newHand(ctx context.Context) (*hand, error) {
	dir, err := y.b.scratch("hand")
	if err != nil {
		return nil, err
	}
	h := &hand{y: y, dir: dir}
	address, err := h.start(ctx, "hand-first")
	if err == nil {
		h.nginx, err = y.b.startNginx(ctx, address)
	}
	if err != nil {
		h.close(ctx)
		return nil, err
	}
	return h, nil
}

func (h *hand) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if h.nginx != nil {
		h.nginx.stop()
	}
	if err := h.end(ctx, h.runs); err != nil {
		h.y.b.say("%v", err)
	}
}

// slipway runs a command in an empty directory, as one who has only the image.
func (h *hand) slipway(ctx context.Context, args ...string) error {
	_, err := peer.Execute(ctx, h.y.b.slipwayCommand(h.dir, h.y.state, args...))
	return err
}

// start starts a container and waits until it is healthy.
func (h *hand) start(ctx context.Context, version string) (string, error) {
	address, err := freeAddress()
	if err != nil {
		return "", err
	}
	err = h.slipway(ctx, "run", "--detach", "--name", version, "--env", "VERSION="+version, "--publish", address+":8080", "yard/web")
	if err != nil {
		return "", err
	}
	h.runs = version
	return address, h.until(ctx, address, "/health", "")
}

func (h *hand) end(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	return h.slipway(ctx, "stop", "--name", name)
}

// until asks until it gets a good answer that begins with a text.
func (h *hand) until(ctx context.Context, address, path, begins string) error {
	for began := time.Now(); time.Since(began) < 20*time.Second; wait(ctx, 20*time.Millisecond) {
		res, err := http.Get("http://" + address + path)
		if err != nil {
			continue
		}
		text, err := io.ReadAll(res.Body)
		if err = errors.Join(err, res.Body.Close()); err == nil && res.StatusCode == http.StatusOK && strings.HasPrefix(string(text), begins) {
			return nil
		}
	}
	return fmt.Errorf("%s%s does not answer %q", address, path, begins)
}

// replace is the whole sequence.
func (h *hand) replace(ctx context.Context, round int) (float64, error) {
	before := h.runs
	began := time.Now()
	version := fmt.Sprintf("hand%d", round)
	address, err := h.start(ctx, version)
	if err != nil {
		return 0, err
	}
	if err := h.nginx.turn(ctx, address); err != nil {
		return 0, err
	}
	if err := h.until(ctx, h.nginx.address, "/", version); err != nil {
		return 0, err
	}
	err = h.end(ctx, before)
	return time.Since(began).Seconds(), err
}
