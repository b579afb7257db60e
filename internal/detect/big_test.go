package detect_test

import (
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/detect"
)

// counted counts the files that are opened.
type counted struct {
	fs.FS
	opened *atomic.Int64
}

// Open implements fs.FS.
func (c counted) Open(name string) (fs.File, error) {
	c.opened.Add(1)
	return c.FS.Open(name)
}

// TestManyPackages: what the members of a workspace of 1,000 packages share is
// read once, not once for each.
func TestManyPackages(t *testing.T) {
	tree := fstest.MapFS{"package.json": {Data: []byte(`{"workspaces": ["apps/*", "packages/*"]}`)}}
	lock := []string{`"": {}`}
	add := func(dir, name, rest string) {
		tree[dir+"/package.json"] = &fstest.MapFile{Data: []byte(fmt.Sprintf(`{"name": %q%s}`, name, rest))}
		tree[dir+"/s.js"] = &fstest.MapFile{Data: []byte("require('http').createServer().listen(3000)")}
	}
	for i := range 900 {
		deps := ""
		if i >= 7 {
			deps = fmt.Sprintf(`, "dependencies": {"p%d": "*", "p%d": "*"}`, i-7, i/2)
		}
		add(fmt.Sprintf("packages/p%d", i), fmt.Sprintf("p%d", i), deps)
	}
	for i := range 100 {
		dir := fmt.Sprintf("apps/a%d", i)
		add(dir, fmt.Sprintf("a%d", i), fmt.Sprintf(`, "scripts": {"start": "node s.js"}, "dependencies": {"p%d": "*"}`, 800+i))
		lock = append(lock, fmt.Sprintf(`%q: {"dependencies": {"p%d": "*"}}`, dir, 800+i))
	}
	tree["package-lock.json"] = &fstest.MapFile{Data: []byte(`{"lockfileVersion": 3, "packages": {` + strings.Join(lock, ",") + `}}`)}
	var opened atomic.Int64
	plans, findings := detect.Plan(counted{tree, &opened}, nil)
	if findings != nil || len(plans) != 100 {
		t.Fatalf("%d plans, %v", len(plans), findings)
	}
	if n := opened.Load(); n > 100_000 {
		t.Errorf("%d files were opened", n)
	}
}
