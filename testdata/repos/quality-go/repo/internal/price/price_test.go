package price

import (
	"os"
	"strings"
	"testing"
)

func TestTotal(t *testing.T) {
	if got := Total([]Line{{2, 3}, {1, 1}}); got != 7 {
		t.Errorf("the total is %d, want 7", got)
	}
}

func TestCurrency(t *testing.T) {
	data, err := os.ReadFile("testdata/currency.txt")
	if err != nil || strings.TrimSpace(string(data)) != "EUR" {
		t.Errorf("%q, %v", data, err)
	}
}
