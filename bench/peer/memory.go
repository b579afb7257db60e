package peer

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// followMemory reads the peak memory of a process until the returned function is
// called, which returns the highest value seen. The kernel keeps the high-water
// mark itself, so a reading can miss only what happens in the last moments.
// What the process starts is not counted, unless it is the same program.
func followMemory(pid int) (peak func() int64) {
	stop, result := make(chan struct{}), make(chan int64)
	go func() {
		ticks := time.NewTicker(10 * time.Millisecond)
		defer ticks.Stop()
		seen := map[int]int64{} // by process: the program may run again as its own child
		for {
			select {
			case <-stop:
				sum := int64(0)
				for _, n := range seen {
					sum += n
				}
				result <- sum
				return
			case <-ticks.C:
				sample(pid, seen)
			}
		}
	}()
	return func() int64 { close(stop); return <-result }
}

// sample records the high-water marks of a process and of those children that
// run the same program with other arguments. A child with the same ones has
// not started its own program yet: until then it shares this process's memory.
func sample(pid int, seen map[int]int64) {
	program, arguments := programOf(pid)
	if program == "" {
		return // it ended
	}
	for _, p := range append(children(pid), pid) {
		if exe, args := programOf(p); p != pid && (exe != program || args == arguments) {
			continue
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		if err != nil {
			continue
		}
		if n := highWaterMark(status); n > seen[p] {
			seen[p] = n
		}
	}
}

// programOf returns the file and the arguments that a process runs.
func programOf(pid int) (file, arguments string) {
	file, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return "", ""
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "", ""
	}
	return file, string(data)
}

// children returns the direct children of all threads of a process.
func children(pid int) []int {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	var out []int
	for _, task := range tasks {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue
		}
		for _, word := range bytes.Fields(data) {
			if n, err := strconv.Atoi(string(word)); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// highWaterMark reads VmHWM from /proc/PID/status, in bytes (proc(5): the peak
// resident set size, in kB of 1024 bytes); 0 when it has none.
func highWaterMark(status []byte) int64 {
	lines := bufio.NewScanner(bytes.NewReader(status))
	for lines.Scan() {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) == 3 && string(fields[0]) == "VmHWM:" && string(fields[2]) == "kB" {
			n, err := strconv.ParseInt(string(fields[1]), 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}
