package hash

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	got, err := Of(strings.NewReader(strings.Repeat("a", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	const want = "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"
	if got.Bytes != 1000 || got.SHA256 != want || got.Compressed >= 100 {
		t.Errorf("got %+v, want 1000 bytes, %s and less than 100 compressed", got, want)
	}
}
