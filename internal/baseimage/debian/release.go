package debian

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/clearsign"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/slipway-build/slipway/internal/baseimage/download"
	"github.com/slipway-build/slipway/internal/diag"
)

// keyring holds the public keys of Debian's archive for bookworm and trixie, as
// in the package debian-archive-keyring 2025.1.
//
//go:embed keyring/*.gpg
var keyring embed.FS

// Keys returns the keys that InRelease files must be signed with: those
// of a file, else the embedded ones.
func Keys(file string) (openpgp.EntityList, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "the archive keyring cannot be read").Because(err).
				WithHint("SLIPWAY_DEBIAN_KEYRING must name a file of OpenPGP public keys")
		}
		read := openpgp.ReadKeyRing
		if bytes.HasPrefix(data, []byte("-----BEGIN")) {
			read = openpgp.ReadArmoredKeyRing
		}
		keys, err := read(bytes.NewReader(data))
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "the archive keyring %s cannot be read", file).Because(err).
				WithHint("SLIPWAY_DEBIAN_KEYRING must name a file of OpenPGP public keys")
		}
		return keys, nil
	}
	names, err := keyring.ReadDir("keyring")
	if err != nil {
		return nil, err
	}
	var all openpgp.EntityList
	for _, name := range names {
		data, err := keyring.ReadFile("keyring/" + name.Name())
		if err != nil {
			return nil, err
		}
		keys, err := openpgp.ReadKeyRing(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name.Name(), err)
		}
		all = append(all, keys...)
	}
	return all, nil
}

// release is what a signed InRelease file says.
type release struct {
	origin, codename string
	byHash           bool
	validUntil       time.Time                   // zero: for ever
	files            map[string]download.Content // by path below dists/<suite>
}

// errSignature is in the chain of every error about a signature.
var errSignature = errors.New("the signature is not valid")

// openRelease checks the signature of an InRelease file and reads the signed
// part of it; text before and after that part is ignored.
func openRelease(data []byte, keys openpgp.EntityList, now time.Time) (release, error) {
	block := signedBlock(data)
	if block == nil {
		return release{}, fmt.Errorf("%w: the file is not a signed message", errSignature)
	}
	config := &packet.Config{Time: func() time.Time { return now }}
	if _, err := openpgp.CheckDetachedSignature(keys, bytes.NewReader(block.Bytes), block.ArmoredSignature.Body, config); err != nil {
		return release{}, fmt.Errorf("%w: %w", errSignature, err)
	}
	return parseRelease(block.Plaintext)
}

// signedBlock finds the signed message in a file, or nil. go-crypto 1.4.1 slices
// out of range on a message without text (clearsign.go:182, found by FuzzRelease):
// remove recover when that is fixed.
func signedBlock(data []byte) (block *clearsign.Block) {
	defer func() {
		if recover() != nil {
			block = nil
		}
	}()
	block, _ = clearsign.Decode(data)
	if block == nil || block.ArmoredSignature == nil {
		return nil
	}
	return block
}

func parseRelease(text []byte) (release, error) {
	s := stanza(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")))
	r := release{
		origin: s.field("Origin"), codename: s.field("Codename"),
		byHash: strings.EqualFold(s.field("Acquire-By-Hash"), "yes"), files: map[string]download.Content{},
	}
	if v := s.field("Valid-Until"); v != "" {
		if t, err := time.Parse(time.RFC1123, v); err == nil {
			r.validUntil = t
		}
	}
	for line := range strings.Lines(s.field("SHA256")) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		size, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil || size < 0 || !download.IsSHA256(f[0]) {
			return release{}, fmt.Errorf("the line %q of the release file cannot be read", strings.TrimSpace(line))
		}
		r.files[f[2]] = download.SHA256(f[0], size)
	}
	if r.codename == "" || len(r.files) == 0 {
		return release{}, errors.New("the release file has no Codename or no SHA256 list")
	}
	return r, nil
}
