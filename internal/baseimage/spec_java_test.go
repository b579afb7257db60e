package baseimage

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"slices"
	"testing"

	"github.com/slipway-build/slipway/internal/plan"
)

func TestJavaBases(t *testing.T) {
	for _, c := range []struct {
		role    plan.Role
		version string
		ref     string // "" is refused
	}{
		{plan.RoleToolchain, "21", "slipway/java:21-trixie-toolchain"},
		{plan.RoleToolchain, "25.0.1", "slipway/java:25-trixie-toolchain"},
		{plan.RoleRuntime, "21", "slipway/jvm:trixie"},
		{plan.RoleToolchain, "17", ""},
	} {
		spec, err := SpecFor(c.role, "java", c.version)
		if spec.Ref != c.ref || (err != nil) != (c.ref == "") || c.ref != "" && spec.Role != c.role {
			t.Errorf("java %s, %s: %+v, %v; want %q", c.version, c.role, spec, err, c.ref)
		}
		if c.ref != "" && !slices.Contains(Refs(), c.ref) {
			t.Errorf("Refs lacks %s", c.ref)
		}
	}
}

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
	for _, p := range []string{"usr/lib/jvm/java-21-openjdk-arm64/bin/java", "usr/lib/jvm/java-21-openjdk-arm64/jmods/java.base.jmod", "usr/share/maven/bin/mvn", "etc/ssl/certs/ca-certificates.crt"} {
		made.file(p, 0o755, nil)
	}
	made.parents()
	finishJava(made)
	for p, target := range map[string]string{
		"usr/bin/java": "/usr/lib/jvm/java-21-openjdk-arm64/bin/java", "usr/lib/jvm/default": "java-21-openjdk-arm64", "usr/bin/mvn": "/usr/share/maven/bin/mvn",
	} {
		if n := made[p]; n == nil || n.link != target {
			t.Errorf("%s: %+v, want a link to %s", p, n, target)
		}
	}
	if made["etc/ssl/certs/java/cacerts"] == nil {
		t.Error("there are no certificates for Java")
	}
}
