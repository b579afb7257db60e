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

// check runs the script over a site, with the machine's Node.js.
func check(t *testing.T, esbuild string, files map[string]string, more ...string) (lines []string, failed bool) {
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
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || said.Len() > 0 {
		t.Fatal(err, said.String())
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n"), err != nil
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
