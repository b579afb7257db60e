//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/slipway-build/slipway/internal/engine"
)

func pick[T any](j *judge, list ...T) T { return list[j.IntN(len(list))] }

// name is one of the few paths that files have.
func (j *judge) name() string {
	return filepath.Join(pick(j, ".", "src", "lib", "src/deep"), pick(j, "a.txt", "b.txt", "c.md", "link"))
}

// mutate makes one change, most often to a file.
func (j *judge) mutate(t *testing.T) {
	t.Helper()
	j.restore(t)
	if j.IntN(3) > 0 {
		j.mutateFile(t)
		return
	}
	r := &j.req
	option := j.IntN(13)
	j.kind = append([]string{"ignore patterns", "arguments", "labels", "target", "platforms", "bases", "secrets", "compression", "epoch", "git modes"},
		slices.Repeat([]string{"Dockerfile"}, 3)...)[option]
	switch option {
	case 0:
		r.Ignore = pick(j, nil, []string{"*.md"}, []string{"src", "!src/deep"}, []string{"**/b.txt"}, []string{"*", "!src/**", "!a.txt"}, []string{"lib/", "!lib/a.txt", "link"})
	case 1:
		r.Args = pick(j, nil, map[string]string{"WHAT": "lib"}, map[string]string{"WHAT": "src"}, map[string]string{"BASE": "scratch"})
	case 2:
		r.Labels = pick(j, nil, map[string]string{"a": "b"})
	case 3:
		r.Target = pick(j, "", "", "one", "two", "three")
	case 4:
		r.Platforms = pick(j, nil, []string{"linux/amd64"}, []string{"linux/arm64"})
	case 5:
		r.Bases = map[string]string{"test/base:1": pick(j, j.bases...)}
		if j.IntN(4) == 0 {
			r.Bases["one"] = pick(j, j.bases...)
		}
	case 6:
		r.Secrets = pick(j, nil, []engine.Secret{{ID: "token", Env: "HOME"}}, []engine.Secret{{ID: "token", Env: "PATH"}}, []engine.Secret{{ID: "other", Env: "HOME"}})
	case 7:
		r.Compression = pick(j, "", "gzip", "zstd")
	case 8:
		r.Epoch = pick(j, time.Time{}, time.Unix(1_000_000_000, 0))
	case 9:
		r.GitModes = !r.GitModes
	default:
		r.Dockerfile = j.dockerfile()
	}
	j.what = append(j.what, j.kind)
}

// restore brings back, now and then, a file that most of the Dockerfiles copy.
func (j *judge) restore(t *testing.T) {
	t.Helper()
	for _, name := range []string{"a.txt", "src/a.txt", "lib/a.txt"} {
		path := filepath.Join(j.dir, name)
		if info, err := os.Stat(path); (err != nil || info.IsDir()) && j.IntN(2) == 0 {
			_ = os.RemoveAll(path)
			_ = os.MkdirAll(filepath.Dir(path), 0o755)
			writeFile(t, path, []byte("one"), 0o644)
		}
	}
}

// dockerfile writes one of many.
func (j *judge) dockerfile() []byte {
	sources := func() string {
		return pick(j, ".", ".", "src", "src/", "lib", "*.txt", "a.txt b.txt", "src/a.txt", "s*/a.txt", "*/a.txt", "lib/*", "src/?.txt", "./src/../lib",
			"link", "link/a.txt", "src/link/b.txt", "lib src/link/a.txt", "$WHAT", "--exclude=*.md .", "--chmod=640 src", "--parents src/deep/b.txt", "--parents ./src/./deep/*.txt", "--link src", "*", "**/a.txt", "[ab].txt")
	}
	var b strings.Builder
	b.WriteString(pick(j, "", "ARG BASE=test/base:1\n", "# syntax=docker/dockerfile:1\n"))
	fmt.Fprintf(&b, "FROM scratch AS one\nARG WHAT=src\nCOPY %s /one/\n", sources())
	fmt.Fprintf(&b, "FROM %s AS two\nARG WHAT=lib\nCOPY %s /two/\n", pick(j, "scratch", "scratch", "test/base:1", "one"), sources())
	if strings.Contains(b.String(), "FROM test/base:1 AS two") {
		mount := pick(j, "src", "lib", ".", "src/deep", "link")
		fmt.Fprintf(&b, "RUN --mount=type=bind,source=%s,target=/mnt [\"/bin/busybox\",\"cp\",\"-r\",\"/mnt\",\"/copied\"]\n", mount)
	}
	fmt.Fprintf(&b, "FROM scratch AS three\nADD %s /three/\n", pick(j, "a.txt", "src", "."))
	b.WriteString(pick(j, "", "COPY --from=one / /from\n", "COPY --from=two / /from\n", "COPY --from=0 / /from\n", "COPY --from=test/base:1 /bin /from\n"))
	return []byte(b.String())
}

// mutateFile changes one file. An impossible change is none.
func (j *judge) mutateFile(t *testing.T) {
	t.Helper()
	name, other := j.name(), j.name()
	path, to := filepath.Join(j.dir, name), filepath.Join(j.dir, other)
	_ = os.MkdirAll(filepath.Dir(path), 0o755)
	var err error
	what := ""
	switch j.IntN(16) {
	case 0, 1, 2:
		what = "write"
		err = os.WriteFile(path, []byte(pick(j, "one", "two", "three", "")), 0o644)
	case 3, 4:
		what, err = "write without a trace", hiddenWrite(path, pick(j, "one", "two"))
	case 5:
		what = "chmod"
		err = os.Chmod(path, pick[os.FileMode](j, 0o644, 0o755, 0o600, os.ModeSetuid|0o755))
	case 6:
		what, err = "rename to "+other, os.Rename(path, to)
	case 7:
		what, err = "delete", os.RemoveAll(path)
	case 8:
		what = "symlink"
		_ = os.RemoveAll(path)
		err = os.Symlink(pick(j, "a.txt", "../lib", "src", "/src/a.txt", "nowhere", "../../outside"), path)
	case 9:
		what = "hard link to " + other
		_ = os.RemoveAll(path)
		err = os.Link(to, path)
	case 10, 11:
		what = "touch"
		at := pick(j, time.Unix(-1000, 0), time.Unix(1000, 0), time.Unix(900_000_000, 0), time.Now(), time.Unix(4_000_000_000, 0))
		err = os.Chtimes(path, at, at)
	case 12:
		what, err = "attribute", attribute(j, path)
	case 13:
		what = "directory"
		_ = os.RemoveAll(path)
		err = os.MkdirAll(path, 0o755)
	case 14:
		what, err = "chmod directory", os.Chmod(filepath.Dir(path), pick[os.FileMode](j, 0o755, 0o700))
	case 15:
		what = "two exchanged" // inodes and times stay
		tmp := filepath.Join(j.work, "exchange")
		err = errors.Join(os.Rename(path, tmp), os.Rename(to, path), os.Rename(tmp, to))
		if _, lost := os.Lstat(tmp); lost == nil {
			err = errors.Join(os.RemoveAll(path), os.Rename(tmp, path))
		}
	}
	j.kind, _, _ = strings.Cut(what, " to ")
	j.what = append(j.what, fmt.Sprintf("%s %s (%v)", what, name, err))
	_ = os.Chmod(j.dir, 0o755)
}

// hiddenWrite gives a file other bytes of the same number and the times that it
// had.
func hiddenWrite(path, data string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("not a file: %w", err)
	}
	if err := os.WriteFile(path, []byte(data), 0); err != nil {
		return err
	}
	return os.Chtimes(path, info.ModTime(), info.ModTime())
}

func attribute(j *judge, path string) error {
	if j.IntN(2) == 0 {
		return unix.Lsetxattr(path, "user.test", []byte(pick(j, "1", "2")), 0)
	}
	// cap_net_bind_service, as a file capability of version 2.
	capability := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	capability[5] = pick[byte](j, 4, 8)
	return unix.Lsetxattr(path, "security.capability", capability, 0)
}
