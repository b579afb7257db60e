package ram

import (
	"testing"
	"testing/fstest"
)

func tree(files map[string]string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range files {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

const (
	statV1 = "cache 700\nrss 1\nshmem 1\ntotal_cache 800\ntotal_rss 300\ntotal_rss_huge 200\ntotal_shmem 40\n"
	statV2 = "anon 300\nfile 800\nkernel 9\nshmem 40\nanon_thp 200\n"
)

func TestFilesThatWereReadAreNotHeld(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
		ok    bool
	}{
		"version 1":                    {map[string]string{"sys/fs/cgroup/memory/buildkit/x/memory.stat": statV1}, 340, true},
		"version 2":                    {map[string]string{"sys/fs/cgroup/buildkit/x/memory.stat": statV2}, 340, true},
		"version 2 without controller": {map[string]string{"sys/fs/cgroup/buildkit/x/cgroup.procs": ""}, 0, false},
		"no such group":                {map[string]string{"sys/fs/cgroup/buildkit/y/memory.stat": statV2}, 0, false},
		"a file of something else":     {map[string]string{"sys/fs/cgroup/buildkit/x/memory.stat": "anon much\n"}, 0, false},
	} {
		if got, ok := Held(tree(c.files), "buildkit/x"); got != c.want || ok != c.ok {
			t.Errorf("%s: %d %v, want %d %v", name, got, ok, c.want, c.ok)
		}
	}
}

func TestTheTightestLimitCounts(t *testing.T) {
	meminfo := "MemTotal:       4000 kB\nMemFree:  10 kB\nMemAvailable:   2000 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nobody knows":    {nil, 0},
		"an older kernel": {map[string]string{"proc/meminfo": "MemTotal: 4000 kB\n"}, 0},
		"no limit":        {map[string]string{"proc/meminfo": meminfo}, 2000 << 10},
		"version 1, above this group": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:cpu,memory:/a/b\n3:cpuset:/\n0::/\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "1000\n", "sys/fs/cgroup/memory/a/memory.stat": statV1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.stat": statV1,
		}, 660},
		"version 2": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.stat": statV2,
			"sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/memory.stat": statV2,
		}, 660},
		"version 2, in a container": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000\n", "sys/fs/cgroup/memory.stat": statV2,
		}, 660},
		"version 1, a path of the machine in a container": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/docker/1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "1000\n", "sys/fs/cgroup/memory/memory.stat": statV1,
		}, 660},
		"nothing is left": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "100\n", "sys/fs/cgroup/memory.stat": statV2,
		}, 1},
	} {
		if got := Available(tree(c.files)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestTotalIsWhatThisProcessMayUse(t *testing.T) {
	meminfo := "MemTotal:       4000 kB\nMemAvailable:   2000 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nobody knows": {nil, 0},
		"no limit":     {map[string]string{"proc/meminfo": meminfo}, 4000 << 10},
		"a container":  {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1000000\n"}, 1000000},
		"version 1, no limit": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n"}, 4000 << 10},
		"version 1, limited above": {map[string]string{"proc/meminfo": meminfo, "proc/self/cgroup": "4:memory:/a/b\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "2000000\n"}, 2000000},
	} {
		if got := Total(tree(c.files)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
