package dockerfile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/dockerfile"
)

func TestWorkdirs(t *testing.T) {
	f, err := dockerfile.Read("Dockerfile", []byte("FROM a AS b\nWORKDIR /src/\nWORKDIR sub\nFROM b\nWORKDIR /app\nWORKDIR /\nWORKDIR /src\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/app", "/src"}, f.Workdirs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
