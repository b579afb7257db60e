package annex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// RegistryRequest asks for a registry for development.
type RegistryRequest struct {
	Addr string `json:"addr"` // host:port; port 0 takes a free one
	Dir  string `json:"dir"`  // of its images
}

// RegistryAnswer comes when the registry answers requests.
type RegistryAnswer struct {
	Addr string `json:"addr"`
}

// killTime is how long the program may take to stop; the registry needs 5 s at most.
const killTime = 10 * time.Second

// Serve starts the program with a question whose answer says that it is ready, decodes
// that into a pointer, and calls ready. The program then works until its standard input
// ends: when the context does, which is no error, and when slipway is killed. What it
// logs goes to log.
func (t Tools) Serve(ctx context.Context, what string, with, answer any, ready func(), log io.Writer) error {
	input, err := question(what, with)
	if err != nil {
		return err
	}
	path, err := t.Program()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("starting slipway-tools: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("starting slipway-tools: %w", err)
	}
	stderr := &clipped{most: 64 << 10}
	cmd.Env, cmd.Stderr, cmd.Cancel, cmd.WaitDelay = t.env(), io.MultiWriter(stderr, log), stdin.Close, killTime
	if err := cmd.Start(); err != nil {
		return failed(err, stderr)
	}
	_, asked := stdin.Write(input)
	replies := json.NewDecoder(stdout)
	heard := hear(replies, answer)
	if heard == nil {
		ready()
		if heard = hear(replies, nil); errors.Is(heard, io.EOF) {
			heard = nil
		}
	}
	_ = stdin.Close()
	ended := cmd.Wait()
	var refused *refusal
	switch {
	case errors.As(heard, &refused):
		return refused.failure()
	case ctx.Err() != nil && cmd.ProcessState.Success():
		return nil
	case heard != nil || ended != nil:
		return failed(errors.Join(asked, ended, heard), stderr)
	}
	return nil
}

// refusal is an error of the program's own.
type refusal struct{ *Refusal }

func (r *refusal) Error() string { return r.Text }

// hear reads one reply.
func hear(replies *json.Decoder, answer any) error {
	var reply Reply
	if err := replies.Decode(&reply); err != nil {
		return err
	}
	if reply.Error != nil {
		return &refusal{reply.Error}
	}
	return json.Unmarshal(reply.Answer, answer)
}
