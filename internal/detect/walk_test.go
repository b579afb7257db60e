package detect

import (
	"fmt"
	"testing"
	"testing/fstest"
)

func TestWalkIsBounded(t *testing.T) {
	tree := fstest.MapFS{}
	for i := range 20 {
		tree[fmt.Sprintf("d%02d/x", i)] = &fstest.MapFile{}
	}
	_, findings := walk(open(tree), 10)
	if len(findings) != 1 || findings[0].Code != codeTooLarge {
		t.Errorf("got %v", findings)
	}
}
