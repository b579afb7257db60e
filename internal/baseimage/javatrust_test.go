package baseimage

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"testing"
)

// TestJavaTrust: each certificate is there once, other blocks are not, and equal
// bundles give equal bytes.
func TestJavaTrust(t *testing.T) {
	var bundle bytes.Buffer
	for _, b := range []pem.Block{
		{Type: "CERTIFICATE", Bytes: []byte("one")}, {Type: "CERTIFICATE", Bytes: []byte("two")},
		{Type: "CERTIFICATE", Bytes: []byte("one")}, {Type: "PRIVATE KEY", Bytes: []byte("three")},
	} {
		if err := pem.Encode(&bundle, &b); err != nil {
			t.Fatal(err)
		}
	}
	store := JavaTrust(bundle.Bytes())
	if magic, count := binary.BigEndian.Uint32(store), binary.BigEndian.Uint32(store[8:]); magic != 0xfeedfeed || count != 2 {
		t.Errorf("magic %x, %d certificates", magic, count)
	}
	if bytes.Contains(store, []byte("three")) || !bytes.Contains(store, []byte("two")) {
		t.Errorf("the store has %q", store)
	}
	if !bytes.Equal(store, JavaTrust(bundle.Bytes())) {
		t.Error("a second store differs")
	}
	if n := len(JavaTrust(nil)); n != 12+20 {
		t.Errorf("an empty store has %d bytes", n)
	}
}

func TestFinishJava(t *testing.T) {
	made := tree{}
	for _, p := range []string{"usr/lib/jvm/java-21-openjdk-arm64/bin/java", "usr/lib/jvm/java-21-openjdk-arm64/bin/javac", "usr/share/maven/bin/mvn", "etc/ssl/certs/ca-certificates.crt"} {
		made.file(p, 0o755, nil)
	}
	made.parents()
	finishJava(made)
	for p, Target := range map[string]string{
		"usr/bin/java": "/usr/lib/jvm/java-21-openjdk-arm64/bin/java", "usr/lib/jvm/default": "java-21-openjdk-arm64", "usr/bin/mvn": "/usr/share/maven/bin/mvn",
	} {
		if n := made[p]; n == nil || n.link != Target {
			t.Errorf("%s: %+v, want a link to %s", p, n, Target)
		}
	}
	if made["etc/ssl/certs/java/cacerts"] == nil {
		t.Error("there are no certificates for Java")
	}
}
