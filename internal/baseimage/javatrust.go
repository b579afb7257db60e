package baseimage

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"unicode/utf16"
)

// JavaTrust returns the certificates of a PEM bundle as a Java key store, which
// is what a JVM reads in place of the bundle. The format is that of
// sun.security.provider.JavaKeyStore, version 2: every JDK since 1.2 reads it.
// Equal bundles give equal bytes.
func JavaTrust(bundle []byte) []byte {
	const magic, version, trustedCertificate = 0xfeedfeed, 2, 2
	var entries bytes.Buffer
	count := uint32(0)
	seen := map[string]bool{}
	for rest := bundle; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		sum := sha256.Sum256(block.Bytes)
		alias := hex.EncodeToString(sum[:8])
		if block.Type != "CERTIFICATE" || seen[alias] {
			continue
		}
		seen[alias] = true
		count++
		put(&entries, uint32(trustedCertificate))
		putText(&entries, alias)
		put(&entries, int64(0)) // when it was added
		putText(&entries, "X.509")
		put(&entries, uint32(len(block.Bytes)))
		entries.Write(block.Bytes)
	}
	var out bytes.Buffer
	put(&out, uint32(magic))
	put(&out, uint32(version))
	put(&out, count)
	out.Write(entries.Bytes())
	digest := sha1.New()
	for _, unit := range utf16.Encode([]rune("changeit")) { // the password that every JDK's own store has
		put(digest, unit)
	}
	digest.Write([]byte("Mighty Aphrodite")) // so it says in the format
	digest.Write(out.Bytes())
	return digest.Sum(out.Bytes())
}

// put writes a number, most significant byte first.
func put[N uint16 | uint32 | int64](w interface{ Write([]byte) (int, error) }, n N) {
	_ = binary.Write(w, binary.BigEndian, n) // neither a buffer nor a hash fails
}

func putText(w *bytes.Buffer, s string) {
	put(w, uint16(len(s)))
	w.WriteString(s)
}
