package peer

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
)

func TestHighWaterMark(t *testing.T) {
	for name, c := range map[string]struct {
		status string
		want   int64
	}{
		"as the kernel writes it":   {"Name:\tslipway\nVmPeak:\t 2000000 kB\nVmHWM:\t  123456 kB\nVmRSS:\t    1024 kB\n", 123456 << 10},
		"a thread of the kernel":    {"Name:\tkthreadd\nThreads:\t1\n", 0},
		"another unit":              {"VmHWM:\t 12 MB\n", 0},
		"a name that looks like it": {"Name:\tVmHWM: 5 kB\n", 0},
		"empty":                     {"", 0},
	} {
		if got := highWaterMark([]byte(c.status)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestSampleReadsThisProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("there is no /proc here")
	}
	seen := map[int]int64{}
	sample(os.Getpid(), seen)
	if seen[os.Getpid()] < 1<<20 {
		t.Errorf("peak memory of this process = %d bytes, want at least a megabyte", seen[os.Getpid()])
	}
}

// helperEnv makes the test binary a process that waits for its standard input
// to end.
const helperEnv = "BENCH_MEMORY_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	os.Exit(m.Run())
}

func TestSampleCountsCopiesOfTheProgram(t *testing.T) {
	if _, err := os.Stat("/proc/self/task"); err != nil {
		t.Skip("there is no /proc here")
	}
	child := exec.Command(os.Args[0], "-copy")
	child.Env = append(os.Environ(), helperEnv+"=1")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	seen := map[int]int64{}
	sample(os.Getpid(), seen)
	if err := errors.Join(stdin.Close(), child.Wait()); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 2 || seen[child.Process.Pid] == 0 {
		t.Errorf("seen = %v, want this process and %d", seen, child.Process.Pid)
	}
}

func FuzzHighWaterMark(f *testing.F) {
	f.Add([]byte("VmHWM:\t  123456 kB\n"))
	f.Fuzz(func(t *testing.T, status []byte) { highWaterMark(status) })
}
