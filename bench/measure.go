package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// command is a program to run and to measure.
type command struct {
	argv   []string
	dir    string
	env    []string // added to this process's
	limit  time.Duration
	memory bool // follow the peak memory of the program itself
}

// outcome is what running a command took.
type outcome struct {
	seconds   float64
	cpu       float64 // seconds on a core, of the program and of all that it waited for
	peakBytes int64   // with command.memory: of the program without what it starts
	stdout    []byte
	stderr    []byte
}

// execute runs a command to its end. A command that fails is an error with the
// end of its output. A command past its limit is interrupted, then killed.
func execute(ctx context.Context, c command) (outcome, error) {
	limit := c.limit
	if limit == 0 {
		limit = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	peak := func() int64 { return 0 }
	if c.memory {
		peak = followMemory(cmd.Process.Pid)
	}
	err := cmd.Wait()
	out := outcome{seconds: time.Since(began).Seconds(), stdout: stdout.Bytes(), stderr: stderr.Bytes()}
	out.peakBytes = peak()
	if state := cmd.ProcessState; state != nil {
		out.cpu = (state.UserTime() + state.SystemTime()).Seconds()
	}
	if err != nil {
		return out, fmt.Errorf("%s: %w\n%s", strings.Join(c.argv, " "), err, tail(stderr.Bytes(), 4000))
	}
	return out, nil
}

// tail returns the last n bytes of an output.
func tail(b []byte, n int) []byte {
	if len(b) > n {
		b = b[len(b)-n:]
	}
	return bytes.TrimSpace(b)
}

// repeat runs a command n times and returns the seconds of each run.
func repeat(ctx context.Context, n int, c command) ([]float64, error) {
	var samples []float64
	for range n {
		out, err := execute(ctx, c)
		if err != nil {
			return nil, err
		}
		samples = append(samples, out.seconds)
	}
	return samples, nil
}

// trial is one timed run of one side of a comparison.
type trial func(ctx context.Context, round int) (seconds float64, err error)

// alternate runs the sides in turn, A B A B …, so that all see the same noise.
// It returns the samples of each side.
func alternate(ctx context.Context, rounds int, sides ...trial) ([][]float64, error) {
	samples := make([][]float64, len(sides))
	for round := range rounds {
		for i, side := range sides {
			seconds, err := side(ctx, round)
			if err != nil {
				return samples, err
			}
			samples[i] = append(samples[i], seconds)
		}
	}
	return samples, nil
}

// median returns the middle value, the mean of the two middle ones of an even
// number, 0 of none.
func median(samples []float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(samples))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// ratio divides the medians of two sides.
func ratio(a, b []float64) float64 {
	if median(b) == 0 {
		return 0
	}
	return median(a) / median(b)
}

// scaled multiplies samples, to print seconds as milliseconds.
func scaled(samples []float64, by float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = s * by
	}
	return out
}

// secondsOf prints the single measurements for a note.
func secondsOf(samples []float64) string {
	words := make([]string, len(samples))
	for i, s := range samples {
		words[i] = fmt.Sprintf("%.2f", s)
	}
	return strings.Join(words, "/") + " s"
}
