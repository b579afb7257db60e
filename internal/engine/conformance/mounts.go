package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/engine"
)

// mountShapes are ways to write a cache mount; %[1]d is its number.
func mountShapes() []string {
	return []string{
		"type=cache,target=/c%[1]d",
		"type=cache,target=/c%[1]d/", // BuildKit's key of the step lacks its id, as of the next two
		"type=cache,target=/c%[1]d,id=deps%[1]d",
		"type=cache,target=/c%[1]d,sharing=locked",
		"type=cache,target=/c%[1]d,sharing=private",
		"type=cache,target=/c%[1]d,id=victim//c%[1]d",
		"type=cache,target=/c%[1]d,id=../victim//c%[1]d",
		"type=$KIND,target=/c%[1]d",
	}
}

// inMounts builds a repository with a step for each shape, which runs a script; %d
// is the number. It returns what the steps printed.
func (s Subject) inMounts(t *testing.T, repository, script string) string {
	t.Helper()
	text := BusyboxBase + "ARG KIND=cache\nARG BUILDKIT_CACHE_MOUNT_NS=victim\n"
	for i, shape := range mountShapes() {
		text += "RUN --mount=" + fmt.Sprintf(shape, i) + " " + fresh(t) + strings.ReplaceAll(script, "%d", fmt.Sprint(i)) + "\n"
	}
	_, rec := s.build(t, engine.Request{
		Name: "mounts", Context: Busybox(t), Platforms: []string{platform()}, Repository: repository, Output: engine.Output{Kind: engine.OutputNone}, Dockerfile: []byte(text),
	})
	return rec.Log()
}

// cacheMounts: what one repository writes into a cache mount is there at its next
// build, and in no other repository, however the mount is written.
func cacheMounts(t *testing.T, s Subject) {
	s.inMounts(t, "hostile", "echo POISON > /c%d/f")
	if log := s.inMounts(t, "hostile", "cat /c%d/f"); strings.Count(log, "POISON") != len(mountShapes()) {
		t.Errorf("the caches are gone in the same repository: %q", log)
	}
	log := s.inMounts(t, "victim", "cat /c%d/f 2>/dev/null || echo clean %d")
	for i, shape := range mountShapes() {
		if !strings.Contains(log, fmt.Sprintf("clean %d\n", i)) {
			t.Errorf("another repository sees the mount %s: %q", shape, log)
		}
	}
}
