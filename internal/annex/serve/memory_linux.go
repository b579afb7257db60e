package serve

import "syscall"

// maxMemory bounds what expressions can make the process hold, in bytes.
const maxMemory = 1 << 30

// boundMemory ends the process when it holds too much: the costs of CEL count what a
// function made only after it made it.
func boundMemory() {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_DATA, &limit) == nil && limit.Cur > maxMemory {
		limit.Cur = maxMemory
		_ = syscall.Setrlimit(syscall.RLIMIT_DATA, &limit) // without it, the machine's limits hold
	}
}
