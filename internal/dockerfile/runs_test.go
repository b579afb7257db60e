package dockerfile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRunsIsWhatTheLastStageSays(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		args map[string]string
		want Runs
	}{
		"the case": {
			text: "FROM node:20-alpine\nWORKDIR /app\nCOPY . .\nENV PORT=7000\nEXPOSE 7000\nENTRYPOINT [\"node\", \"server.js\"]\n",
			want: Runs{Images: []Said{{"", "node:20-alpine", 1}}, Env: []Said{{"PORT", "7000", 4}}, Ports: []Said{{"", "7000", 5}}, Workdir: "/app", Entrypoint: []string{"node", "server.js"}, Line: 6},
		},
		"variables": {
			text: "ARG V=20\nFROM node:$V AS base\nARG P=81\nENV PORT=\"$P\" A='b c'\nWORKDIR /srv\nFROM base\nWORKDIR web\nEXPOSE ${PORT} 9/udp $NONE\nCMD node a.js\n",
			args: map[string]string{"V": "22"},
			want: Runs{Images: []Said{{"", "node:22", 2}}, Env: []Said{{"PORT", "81", 4}, {"A", "b c", 4}}, Ports: []Said{{"", "81", 8}}, Workdir: "/srv/web", Command: []string{"node a.js"}, Shell: true, Line: 9},
		},
		"the last stage's image comes first": {
			text: "FROM golang:1.24 AS build\nENV X=1\nFROM debian:12\nEXPOSE 80\nCMD [\"/a\"]\n",
			want: Runs{Images: []Said{{"", "debian:12", 3}, {"", "golang:1.24", 1}}, Ports: []Said{{"", "80", 4}}, Command: []string{"/a"}, Line: 5},
		},
		"health": {
			text: "FROM a\nHEALTHCHECK --interval=5s CMD curl -f http://localhost:80/up\n",
			want: Runs{Images: []Said{{"", "a", 1}}, Health: []Said{{"", "curl -f http://localhost:80/up", 2}}},
		},
		"no health": {text: "FROM a\nHEALTHCHECK CMD x\nHEALTHCHECK NONE\n", want: Runs{Images: []Said{{"", "a", 1}}}},
		"an entrypoint drops the command": {
			text: "FROM a\nCMD [\"x\"]\nENTRYPOINT [\"/sbin/tini\", \"--\"]\nCMD [\"node\", \"b.js\"]\n",
			want: Runs{Images: []Said{{"", "a", 1}}, Entrypoint: []string{"/sbin/tini", "--"}, Command: []string{"node", "b.js"}, Line: 4},
		},
	} {
		file, err := Read("Dockerfile", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		before := file.Reads("", c.args, func(string) bool { return false })
		if diff := cmp.Diff(c.want, file.Runs(c.args)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(before, file.Reads("", c.args, func(string) bool { return false })); diff != "" {
			t.Errorf("%s: reading changed the Dockerfile:\n%s", name, diff)
		}
	}
}
