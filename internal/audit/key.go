package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
)

// machineKey reads the key of this machine, and makes one at its first use: Ed25519, not
// encrypted, because no person is there when a deploy ends.
func (l *Log) machineKey() (*attest.Signer, error) {
	path := l.path(keyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = newKey(); err == nil {
			err = l.put(keyFile, text)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key of the audit log: %w", err)
	}
	key, err := attest.ParsePrivate(path, text, nil)
	if err != nil {
		return nil, diag.Fail(diag.ExitUnexpected, "the key of the audit log cannot be used").Because(err).
			WithHint("restore %s, or move it away: slipway makes a new one, and keeps the public one of the old", path)
	}
	return key, nil
}

func newKey() ([]byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// keepPublic writes the public key of who signs beside the log.
func (l *Log) keepPublic(v attest.Verifier) error {
	name := "key-" + v.Short() + ".pub"
	if _, err := os.Lstat(l.path(name)); err == nil {
		return nil
	}
	text, err := v.PublicPEM()
	if err != nil {
		return err
	}
	return l.put(name, text)
}

// put writes a small file of the log's directory, durably.
func (l *Log) put(name string, data []byte) error {
	if err := atomicfile.Write(l.path(name), data, atomicfile.Options{Mode: 0o600, Sync: true}); err != nil {
		return err
	}
	return syncDir(l.dir)
}

// publicKeys reads the public keys beside a log.
func publicKeys(dir string) ([]attest.Verifier, error) {
	names, err := filepath.Glob(filepath.Join(dir, "key-*.pub"))
	if err != nil {
		return nil, err
	}
	var out []attest.Verifier
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		v, err := attest.ParsePublic(name, text)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// message is what the signature of a checkpoint is over.
func message(r Record) []byte {
	r.Signature = nil
	return dsse.PAE(payloadType, encode(r))
}

func sign(r *Record, key *attest.Signer) error {
	value, err := key.SignData(message(*r))
	if err != nil {
		return fmt.Errorf("signing the checkpoint: %w", err)
	}
	r.Signature = &Signature{KeyID: key.ID(), Value: value}
	return nil
}

// signedBy finds the key that signed a record.
func signedBy(r Record, keys []attest.Verifier) bool {
	for _, k := range keys {
		if k.ID() == r.Signature.KeyID {
			return k.Verifies(message(r), r.Signature.Value)
		}
	}
	return false
}
