package peer

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// ticksPerSecond is the unit of the times in /proc/PID/stat (proc(5)); Linux
// shows user space 100 a second on every architecture.
const ticksPerSecond = 100

// cpuOf returns the seconds on a core of a running process and of all that it
// started and waited for; 0 when they cannot be read.
func cpuOf(pid int) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return cpuTime(data)
}

// cpuTime sums utime, stime, cutime and cstime, the fields 14 to 17.
func cpuTime(stat []byte) float64 {
	stat = stat[bytes.LastIndexByte(stat, ')')+1:] // the name before it may have spaces
	fields := bytes.Fields(stat)
	if len(fields) < 15 {
		return 0
	}
	sum := 0.0
	for _, f := range fields[11:15] {
		n, err := strconv.ParseFloat(string(f), 64)
		if err != nil {
			return 0
		}
		sum += n
	}
	return sum / ticksPerSecond
}
