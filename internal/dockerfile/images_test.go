package dockerfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestImagesAreThoseThatAreNoStages(t *testing.T) {
	text := `ARG V=1
FROM slipway/node:20-trixie-toolchain AS Builder
RUN --mount=type=bind,from=tools.example/x:1,target=/x true
COPY --from=builder /a /b
FROM golang:$V
FROM scratch
COPY --from=0 /a /a
COPY --from=slipway/probe:latest / /
`
	got, err := Images([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"slipway/node:20-trixie-toolchain", "slipway/probe:latest", "tools.example/x:1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
