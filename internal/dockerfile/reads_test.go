package dockerfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadsNamesAllThatTheStagesOfATargetRead(t *testing.T) {
	for name, c := range map[string]struct {
		text, target string
		args         map[string]string
		replaced     string
		want         Reads
	}{
		"sources of a copy":                       {text: "FROM scratch\nCOPY --link package.json src/ ./lib/../x /\n", want: Reads{Paths: []string{"package.json", "src", "x"}}},
		"everything wins":                         {text: "FROM scratch\nCOPY a /\nCOPY . /\n", want: Reads{Paths: []string{"."}}},
		"above the context is its top":            {text: "FROM scratch\nCOPY ../../a /\n", want: Reads{Paths: []string{"a"}}},
		"wildcards":                               {text: "FROM scratch\nCOPY package*.json s?c/ /\n", want: Reads{Paths: []string{"package*.json", "s?c"}}},
		"a set of characters":                     {text: "FROM scratch\nCOPY [ab].txt **/c.txt /\n", want: Reads{Paths: []string{"**/c.txt", "[ab].txt"}}},
		"what needs an interpreter is everything": {text: "FROM scratch\nCOPY a[^b]c /\n", want: Reads{Paths: []string{"."}}},
		"a variable of the stage":                 {text: "FROM scratch\nARG A=x\nENV B=$A/y\nCOPY ${B}/z ${C:-c} /\n", want: Reads{Paths: []string{"c", "x/y/z"}, Args: []string{"A"}}},
		"a variable that is given":                {text: "ARG A=g\nFROM scratch AS one\nARG A\nFROM one\nCOPY $A /\n", args: map[string]string{"A": "x"}, want: Reads{Paths: []string{"x"}, Args: []string{"A"}}},
		"a global variable":                       {text: "ARG A=g\nFROM scratch\nARG A\nCOPY $A /\n", want: Reads{Paths: []string{"g"}, Args: []string{"A"}}},
		"a variable of another place is empty":    {text: "ARG A=g\nFROM scratch\nCOPY a$A /\n", want: Reads{Paths: []string{"a"}, Args: []string{"A"}}},
		"a later value":                           {text: "FROM scratch\nARG A=x\nCOPY $A /\nENV A=y\nCOPY $A /\n", want: Reads{Paths: []string{"x", "y"}, Args: []string{"A"}}},
		"an empty variable is everything":         {text: "FROM scratch\nARG A\nCOPY $A /\n", want: Reads{Paths: []string{"."}, Args: []string{"A"}}},
		"a variable that an image may set":        {text: "FROM a\nARG A=x\nCOPY $A /\n", want: Reads{Paths: []string{"."}, Images: []string{"a"}, Args: []string{"A"}}},
		"a variable of the platform":              {text: "FROM scratch\nARG TARGETARCH\nARG A=$TARGETARCH\nCOPY a-$A /\n", want: Reads{Paths: []string{"."}, Args: []string{"A", "TARGETARCH"}}},
		"quotes":                                  {text: "FROM scratch\nCOPY 'a' /\n", want: Reads{Paths: []string{"a"}}},
		"parents":                                 {text: "FROM scratch\nCOPY --parents a/b ./c/./d*/e /\n", want: Reads{Paths: []string{"a/b", "c/d*/e"}}},
		"parents of any depth are everything":     {text: "FROM scratch\nCOPY --parents a/**/b /\n", want: Reads{Paths: []string{"."}}},
		"parents beside each other":               {text: "FROM scratch\nCOPY --parents a/./../b /\n", want: Reads{Paths: []string{"."}}},
		"parents with a set of characters":        {text: "FROM scratch\nCOPY --parents [ab]/c /\n", want: Reads{Paths: []string{"."}}},
		"here-documents read nothing":             {text: "FROM scratch\nCOPY <<E /a\nx\nE\n"},
		"mounts": {
			text: "FROM scratch\nRUN --mount=type=bind,source=src,target=/s --mount=type=cache,target=/c --mount=type=secret,id=x --mount=type=tmpfs,target=/t true\n",
			want: Reads{Paths: []string{"src"}, Secrets: true},
		},
		"a mount without a source":           {text: "FROM scratch\nRUN --mount=target=/s true\n", want: Reads{Paths: []string{"."}}},
		"a mount with a variable":            {text: "FROM scratch\nRUN --mount=source=$X,target=/s true\n", want: Reads{Paths: []string{"."}}},
		"a mount of an image":                {text: "FROM scratch\nRUN --mount=from=tool:1,target=/s true\n", want: Reads{Images: []string{"tool:1"}}},
		"a cache that an image fills":        {text: "FROM scratch\nRUN --mount=type=cache,from=tool,target=/s true\n", want: Reads{Images: []string{"tool"}}},
		"images":                             {text: "FROM node:22\nCOPY --from=docker.io/library/tool:latest /a /\n", want: Reads{Images: []string{"node:22", "tool"}}},
		"stages that are not needed":         {text: "FROM a AS one\nCOPY x /\nFROM b AS two\nCOPY y /\n", target: "two", want: Reads{Images: []string{"b"}, Paths: []string{"y"}}},
		"stages by number and name":          {text: "FROM scratch AS one\nCOPY x /\nFROM scratch AS Two\nCOPY y /\nFROM scratch\nCOPY --from=0 / /\nCOPY --from=TWO / /\n", want: Reads{Paths: []string{"x", "y"}}},
		"a stage through a mount":            {text: "FROM scratch AS one\nCOPY x /\nFROM scratch\nRUN --mount=from=one,target=/m true\n", want: Reads{Paths: []string{"x"}}},
		"a stage through FROM":               {text: "FROM scratch AS one\nCOPY x /\nFROM one\n", want: Reads{Paths: []string{"x"}}},
		"an unknown target needs all stages": {text: "FROM scratch AS one\nCOPY x /\nFROM scratch\nCOPY y /\n", target: "nine", want: Reads{Paths: []string{"x", "y"}}},
		"a replaced stage is not run":        {text: "FROM a AS one\nCOPY x /\nFROM scratch\nCOPY --from=one / /\n", replaced: "one", want: Reads{Images: []string{"one"}}},
		"an image with the name of a stage":  {text: "FROM node AS node\nCOPY x /\n", want: Reads{Paths: []string{"x"}, Images: []string{"node"}}},
		"a global argument":                  {text: "ARG V=1\nARG I=tool:$V\nFROM ${I}\n", args: map[string]string{"V": "2"}, want: Reads{Images: []string{"tool:2"}, Args: []string{"I", "V"}}},
		"the platform in a name":             {text: "ARG I=tool-$TARGETARCH\nFROM ${I}\n", want: Reads{Unknown: []string{"the image of FROM ${I}"}, Args: []string{"I"}}},
		"a download":                         {text: "FROM scratch\nADD https://host.example/a /\n", want: Reads{Unknown: []string{"ADD https://host.example/a"}, Paths: []string{"https:/host.example/a"}}},
		"a repository":                       {text: "FROM scratch\nADD git@host.example:a/b.git /\n", want: Reads{Unknown: []string{"ADD git@host.example:a/b.git"}, Paths: []string{"git@host.example:a/b.git"}}},
		"a variable that may be a download":  {text: "FROM scratch\nARG U\nADD $U /\n", want: Reads{Unknown: []string{"ADD $U"}, Paths: []string{"."}, Args: []string{"U"}}},
		"a secret of another stage":          {text: "FROM scratch AS one\nRUN --mount=type=secret,id=x true\nFROM scratch\nARG B\nARG A\n", want: Reads{Args: []string{"A", "B"}}},
		"a secret of a stage before":         {text: "FROM scratch AS one\nRUN --mount=type=secret,id=x true\nFROM one\n", want: Reads{Secrets: true}},
		"an archive of the context":          {text: "FROM scratch\nADD a.tar.gz /\n", want: Reads{Paths: []string{"a.tar.gz"}}},
		"a foreign front end":                {text: "# syntax=other/frontend\nFROM scratch\n", want: Reads{Unknown: []string{"the front end other/frontend"}}},
		"a directive in other letters":       {text: "# SYNTAX=other/frontend\nFROM scratch\n", want: Reads{Unknown: []string{"the front end other/frontend"}}},
		"a front end after the first line":   {text: "#!/usr/bin/env x\n# syntax=other/frontend\nFROM scratch\n", want: Reads{Unknown: []string{"the front end other/frontend"}}},
		"the usual front end":                {text: "# syntax=docker/dockerfile:1\nFROM scratch\n"},
		"triggers":                           {text: "FROM scratch AS one\nONBUILD COPY x /\nFROM one\n", want: Reads{Unknown: []string{"the ONBUILD steps of stage one"}}},
		"a mount that only BuildKit reads":   {text: "FROM scratch\nRUN --mount=type=$T,target=/s true\n", want: Reads{Paths: []string{"."}, Unknown: []string{`a mount of RUN: unsupported mount type "$T"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := Read("Dockerfile", []byte(c.text))
			got := file.Reads(c.target, c.args, func(name string) bool { return name == c.replaced })
			if err != nil {
				t.Fatal(err)
			}
			got.Text, got.Target, got.Scratch, got.Steps, got.Times, got.OneTree = "", "", false, false, false, false // see decisive_test.go
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestArgumentsThatNothingDeclares change nothing, but for those that BuildKit knows.
func TestArgumentsThatNothingDeclares(t *testing.T) {
	for text, want := range map[string]string{
		"FROM scratch\n": "COMPANIONS HTTP_PROXY no_proxy BUILDKIT_SYNTAX SOURCE_DATE_EPOCH TARGETARCH BUILDPLATFORM",
		"ARG VERSION=1\nARG UNUSED\nFROM scratch AS one\nARG OTHER\nFROM scratch AS two\nARG MODE=$VERSION\nFROM two\n": "VERSION MODE COMPANIONS HTTP_PROXY no_proxy BUILDKIT_SYNTAX SOURCE_DATE_EPOCH TARGETARCH BUILDPLATFORM",
		"FROM scratch\nARG $X\n": "VERSION MODE OTHER COMPANIONS HTTP_PROXY no_proxy BUILDKIT_SYNTAX SOURCE_DATE_EPOCH TARGETARCH BUILDPLATFORM",
	} {
		file, err := Read("Dockerfile", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		reads := file.Reads("", nil, func(string) bool { return false })
		var got []string
		for _, arg := range strings.Fields("VERSION MODE OTHER COMPANIONS HTTP_PROXY no_proxy BUILDKIT_SYNTAX SOURCE_DATE_EPOCH TARGETARCH BUILDPLATFORM") {
			if reads.Takes(arg) {
				got = append(got, arg)
			}
		}
		if diff := cmp.Diff(strings.Fields(want), got); diff != "" {
			t.Errorf("%s-want +got\n%s", text, diff)
		}
	}
}
