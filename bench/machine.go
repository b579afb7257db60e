package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/bench/peer"
)

// Machine says where the figures were measured.
type Machine struct {
	OS          string  `json:"os"`
	Kernel      string  `json:"kernel"`
	CPU         string  `json:"cpu"`
	Cores       int     `json:"cores"`
	MemoryBytes int64   `json:"memory_bytes"`
	Load        float64 `json:"load_at_start"`
	Go          string  `json:"go"`
	Slipway     string  `json:"slipway"`
	Mmdebstrap  string  `json:"mmdebstrap"`
	Buildkitd   string  `json:"buildkitd"`
	Buildx      string  `json:"buildx"`
}

// describeMachine collects the facts; what cannot be read stays empty.
func describeMachine(ctx context.Context, slipway string) Machine {
	m := Machine{
		Cores: runtime.NumCPU(), Go: runtime.Version(), Buildkitd: peer.BuildkitVersion, Buildx: peer.BuildxVersion,
		Slipway:    firstLine(ctx, slipway, "version"),
		Mmdebstrap: strings.TrimPrefix(firstLine(ctx, "mmdebstrap", "--version"), "mmdebstrap "),
		Kernel:     firstLine(ctx, "uname", "-r"),
		OS:         strings.Trim(valueOf("/etc/os-release", "PRETTY_NAME", "="), `"`),
		CPU:        valueOf("/proc/cpuinfo", "model name", ":"),
	}
	memory, _, _ := strings.Cut(valueOf("/proc/meminfo", "MemTotal", ":"), " ")
	if kB, err := strconv.ParseInt(memory, 10, 64); err == nil {
		m.MemoryBytes = kB << 10
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ := strings.Cut(string(data), " ")
		m.Load, _ = strconv.ParseFloat(load, 64)
	}
	return m
}

func (m Machine) write(w io.Writer) {
	fmt.Fprintf(w, "machine:  %s, kernel %s, %d cores (%s), %.1f GiB, load %.1f\n", m.OS, m.Kernel, m.Cores, m.CPU,
		float64(m.MemoryBytes)/(1<<30), m.Load)
	fmt.Fprintf(w, "versions: %s; mmdebstrap %s; buildkitd %s; buildx %s; %s\n\n", m.Slipway, m.Mmdebstrap, m.Buildkitd, m.Buildx, m.Go)
}

// firstLine returns the first line that a program prints.
func firstLine(ctx context.Context, argv ...string) string {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return strings.TrimSpace(string(line))
}

// valueOf returns what follows a key in a file of "key<separator>value" lines.
func valueOf(path, key, separator string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if k, v, ok := strings.Cut(lines.Text(), separator); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
