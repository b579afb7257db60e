package dockerfile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/dockerfile"
)

// TestLinesOfLayers: what BuildKit writes into an image's history is found again in the
// stages that the last one starts from, and nothing in those that it only copies from.
func TestLinesOfLayers(t *testing.T) {
	file, err := dockerfile.Read("Dockerfile", []byte(`FROM node AS build
RUN npm ci
COPY . .
FROM debian AS base
ARG DIR=/app
WORKDIR /app
RUN apt-get update && \
    apt-get install -y curl
FROM base
COPY --from=build --chown=1001 /app/dist ./dist
COPY a.json b.json ./
RUN ["node", "--version"]
COPY --from=build /x ${DIR}/x
RUN <<EOT
echo hello
EOT
`))
	if err != nil {
		t.Fatal(err)
	}
	got := dockerfile.Lines(file.Chain(""), []string{
		"# debian.sh", "WORKDIR /app", "RUN |1 DIR=/app /bin/sh -c apt-get update &&     apt-get install -y curl # buildkit", "COPY /app/dist ./dist # buildkit",
		"COPY a.json b.json ./ # buildkit", "RUN |1 DIR=/app node --version # buildkit", "COPY /x /app/x # buildkit", "RUN |1 DIR=/app /bin/sh -c <<EOT (echo hello...) # buildkit",
	})
	if diff := cmp.Diff([]int{0, 6, 7, 10, 11, 12, 13, 14}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := file.Chain("build"); len(got) != 2 || got[0].Line != 2 {
		t.Errorf("the chain of build is %v", got)
	}
	if got := dockerfile.Lines(nil, []string{"RUN x"}); got[0] != 0 {
		t.Errorf("without a Dockerfile: %v", got)
	}
}
