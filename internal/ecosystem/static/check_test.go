package static

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// esbuildSays is what esbuild 0.25 prints about a style sheet and a script.
const esbuildSays = `#!/bin/sh
cat >&2 <<'EOF'
▲ [WARNING] "colr" is not a known CSS property [unsupported-css-property]

    css/a.css:2:4:
      2 │ p { colr: blue; }
        │     ~~~~
        ╵     color

  Did you mean "color" instead?

✘ [ERROR] Expected identifier but found "("

    bad.js:1:9:
      1 │ function ( {
        ╵          ^

EOF
`

// TestCheckWithoutEsbuild: a run of esbuild that ends without a word on a file is no
// success.
func TestCheckWithoutEsbuild(t *testing.T) {
	for name, esbuild := range map[string]string{"killed": "#!/bin/sh\nkill -KILL $$\n", "failed": "#!/bin/sh\necho panic: no memory >&2\nexit 2\n"} {
		if _, said, err := ran(t, esbuild, map[string]string{"a.js": "1"}); err == nil || !strings.Contains(said, "esbuild ended with ") || name == "failed" && !strings.Contains(said, "panic: no memory") {
			t.Errorf("%s: %v, %s", name, err, said)
		}
	}
}

// check runs the script over a site, with the machine's Node.js.
func check(t *testing.T, esbuild string, files map[string]string, more ...string) (lines []string, failed bool) {
	t.Helper()
	out, said, err := ran(t, esbuild, files, more...)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || said != "" {
		t.Fatal(err, said)
	}
	return strings.Split(strings.TrimSpace(out), "\n"), err != nil
}

// ran is what the script prints on its output and its standard error.
func ran(t *testing.T, esbuild string, files map[string]string, more ...string) (text, errs string, err error) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("the script needs Node.js, which this machine does not have")
	}
	tools := t.TempDir()
	script := filepath.Join(tools, "check.mjs")
	if err := os.WriteFile(script, []byte(checkScript), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"x64", "arm64"} {
		at := filepath.Join(tools, "node_modules/@esbuild/linux-"+arch+"/bin/esbuild")
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(esbuild), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var out, said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, append([]string{script, siteOf(t, files)}, more...)...)
	cmd.Stdout, cmd.Stderr = &out, &said
	err = cmd.Run()
	return out.String(), said.String(), err
}

// TestChecksOfASite: files that pages and style sheets name and the site lacks are
// errors, and so is what browsers reject; words of templates and scripts are not names.
func TestChecksOfASite(t *testing.T) {
	for name, c := range map[string]struct {
		esbuild string
		files   map[string]string
		more    []string
		want    []string
		failed  bool
	}{
		"nothing is wrong": {
			files: map[string]string{
				"index.html": `<!doctype html><a href="/guide/">a</a><a href="about">b</a><img srcset="a.png 1x, a.png?v=2 2x" src='a%20b.png'><a href="https://example.com/x">c</a><a href="#top">d</a><a href="mailto:a@example.com">e</a>
<script>document.write('<img src="never.png">')</script><!-- <img src="old.png"> --><pre>&lt;a href="no.html"</pre><a href="{{ url }}">t</a>`,
				"guide/index.html": `<link rel="stylesheet" href="../css/a.css">`, "about.html": "", "a.png": "1", "a b.png": "1",
				"css/a.css": `a { background: url(../a.png#x) } /* url(gone.png) */ b { background: url("data:image/png;base64,AAAA") }`,
			},
			want: []string{"6 files checked"},
		},
		"what is missing": {
			files: map[string]string{
				"index.html": "<p>\n<img src=\"gone.png\"><script src=\"/js/gone.js\"></script><a href=\"gone/\">a</a>", "a.css": "a {\n background: url(gone.png) }",
			},
			want: []string{
				"a.css:2:14: error: gone.png does not exist [missing-file]",
				"index.html:2:6: error: gone.png does not exist [missing-file]",
				"index.html:2:29: error: /js/gone.js does not exist [missing-file]",
				"index.html:2:59: error: gone/ does not exist [missing-file]",
				"2 files checked",
			},
			failed: true,
		},
		"redirects answer pages": {
			files: map[string]string{"index.html": `<a href="/old">a</a><img src="gone.png">`}, more: []string{"-rules"},
			want: []string{"index.html:1:26: warning: gone.png does not exist [missing-file]", "1 files checked"},
		},
		"another server may answer": {
			files: map[string]string{"index.html": `<a href="/api/docs">a</a><a href="/logout/">b</a><a href="api/docs">c</a><img src="/gone.png">`},
			want: []string{
				"index.html:1:4: warning: /api/docs does not exist [missing-file]",
				"index.html:1:29: warning: /logout/ does not exist [missing-file]",
				"index.html:1:53: error: api/docs does not exist [missing-file]",
				"index.html:1:79: error: /gone.png does not exist [missing-file]",
				"1 files checked",
			},
			failed: true,
		},
		"a directory without a page": {
			files: map[string]string{"index.html": `<a href="files/">a</a>`, "files/a.txt": ""},
			want:  []string{"index.html:1:4: error: files/ does not exist [missing-file]", "2 files checked"}, failed: true,
		},
		"a directory that the server lists": {
			files: map[string]string{"index.html": `<a href="files/">a</a><a href="/files">b</a>`, "files/a.txt": ""}, more: []string{"-listing"},
			want: []string{"2 files checked"},
		},
		"what browsers pass over": {
			esbuild: "#!/bin/sh\nprintf '▲ [WARNING] Expected identifier but found \"*\" [css-syntax-error]\\n\\n    a.css:1:4:\\n' >&2\n", files: map[string]string{"a.css": "a { *zoom: 1 }"},
			want: []string{`a.css:1:5: warning: Expected identifier but found "*" [css-syntax-error]`, "1 files checked"},
		},
		"a script of each kind": {
			esbuild: "#!/bin/sh\ncase \"$*\" in *a.js*a.mjs*|*a.mjs*a.js*) echo 'Two output files share the same path' >&2; exit 1; esac\n",
			files:   map[string]string{"a.js": "1", "a.mjs": "1"}, want: []string{"2 files checked"},
		},
		"what browsers reject": {
			esbuild: esbuildSays, files: map[string]string{"bad.js": "function ( {", "css/a.css": "a{}\np { colr: blue; }"},
			want: []string{
				`css/a.css:2:5: warning: "colr" is not a known CSS property [unsupported-css-property]`,
				`bad.js:1:10: error: Expected identifier but found "(" [syntax]`,
				"2 files checked",
			},
			failed: true,
		},
		"a base elsewhere": {files: map[string]string{"index.html": `<base href="https://example.com/"><img src="gone.png">`}, want: []string{"1 files checked"}},
	} {
		t.Run(name, func(t *testing.T) {
			esbuild := c.esbuild
			if esbuild == "" {
				esbuild = "#!/bin/sh\n"
			}
			got, failed := check(t, esbuild, c.files, c.more...)
			if diff := cmp.Diff(c.want, got); diff != "" || failed != c.failed {
				t.Errorf("failed: %v (-want +got):\n%s", failed, diff)
			}
		})
	}
}
