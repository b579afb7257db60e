package evidence

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/repository"
)

// maxKey bounds a key's file, in bytes; an RSA key of 16,384 bits has 13 kB.
const maxKey = 64 << 10

// Keyring finds keys: files, and variables as "env://NAME".
type Keyring struct {
	Tools  annex.Tools // for identities
	Lookup func(string) (string, bool)
	Path   func(string) string // of a file that a person names
}

// text reads a key wherever it is.
func (k Keyring) text(name string) ([]byte, error) {
	if variable, ok := strings.CutPrefix(name, "env://"); ok {
		value, set := k.Lookup(variable)
		if !set || value == "" {
			return nil, diag.Fail(diag.ExitUsage, "the variable %s, which should hold a key, is not set", variable).
				WithHint("set it to the text of the key's file")
		}
		return []byte(value), nil
	}
	data, err := k.file(name, maxKey)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, diag.Fail(diag.ExitUsage, "the key %s does not exist", name).WithHint("make one: slipway sign --generate-key")
	case errors.Is(err, errTooLarge):
		return nil, diag.Fail(diag.ExitUsage, "%s is too large for a key", name).WithHint("name the file of the key, such as cosign.key")
	case err != nil:
		return nil, unreadable(name, err)
	}
	return data, nil
}

var errTooLarge = errors.New("it is too large")

// file reads a file that a person names, of at most so many bytes.
func (k Keyring) file(name string, most int64) ([]byte, error) {
	f, err := os.Open(k.Path(name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = errTooLarge
	}
	return data, err
}

func unreadable(name string, err error) error {
	return diag.Fail(diag.ExitUsage, "cannot read the key %s", name).Because(err).WithHint("name the file of a key that you may read, such as cosign.key")
}

// Private reads the key to sign with.
func (k Keyring) Private(name string) (*attest.Signer, error) {
	data, err := k.text(name)
	if err != nil {
		return nil, err
	}
	return attest.ParsePrivate(name, data, k.password)
}

// Public reads the keys to verify with.
func (k Keyring) Public(names []string) ([]attest.Verifier, error) {
	var out []attest.Verifier
	for _, name := range names {
		data, err := k.text(name)
		if err != nil {
			return nil, err
		}
		v, err := attest.ParsePublic(name, data)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Policy reads what slipway.yaml in a directory asks for.
func (k Keyring) Policy(root string, want *config.Signatures) (Policy, error) {
	var p Policy
	for _, name := range want.Keys {
		read := k.text
		if !strings.HasPrefix(name, "env://") {
			read = func(name string) ([]byte, error) { return repository.ReadFile(root, name) }
		}
		data, err := read(name)
		if err != nil {
			return p, diag.Fail(diag.ExitUsage, "cannot read the key %s of signatures: in slipway.yaml", name).Because(err).
				WithHint("copy the public key there, or name another one")
		}
		v, err := attest.ParsePublic(name, data)
		if err != nil {
			return p, err
		}
		p.Keys = append(p.Keys, v)
	}
	if len(want.Identities) > 0 {
		root, err := repository.ReadFile(root, want.TrustedRoot)
		if err != nil {
			return p, diag.Fail(diag.ExitUsage, "cannot read the trusted root %s of signatures: in slipway.yaml", want.TrustedRoot).Because(err).
				WithHint("copy the file there that the operators of your Sigstore publish")
		}
		p.Identities = &Identities{Tools: k.Tools, TrustedRoot: root}
		for _, i := range want.Identities {
			p.Identities.Accepted = append(p.Identities.Accepted, annex.Identity(i))
		}
	}
	for _, word := range want.Statements {
		predicate, err := Predicate(word)
		if err != nil {
			return p, err
		}
		p.Required = append(p.Required, predicate)
	}
	return p, nil
}

// password is that of an encrypted key; cosign's variable counts too.
func (k Keyring) password() (string, bool) {
	if p, ok := k.Lookup("SLIPWAY_KEY_PASSWORD"); ok {
		return p, true
	}
	return k.Lookup("COSIGN_PASSWORD")
}

// Generate writes a new pair of keys, PREFIX.key and PREFIX.pub, and never over a file.
func (k Keyring) Generate(prefix string) (private, public string, err error) {
	password, ok := k.password()
	if !ok {
		return "", "", diag.Fail(diag.ExitUsage, "the new key has no password").
			WithHint("set SLIPWAY_KEY_PASSWORD; set it to nothing for a key that is kept safe by other means")
	}
	private, public = prefix+".key", prefix+".pub"
	for _, name := range []string{private, public} {
		if _, err := os.Lstat(k.Path(name)); err == nil {
			return "", "", diag.Fail(diag.ExitUsage, "refusing to overwrite %s", name).
				WithHint("name another: slipway sign --generate-key NAME")
		}
	}
	secret, open, err := attest.Generate(password)
	if err != nil {
		return "", "", err
	}
	if err := atomicfile.Write(k.Path(private), secret, atomicfile.Options{Mode: 0o600, Sync: true}); err != nil {
		return "", "", diag.Fail(diag.ExitUsage, "cannot write %s", private).Because(err)
	}
	if err := atomicfile.Write(k.Path(public), open, atomicfile.Options{Sync: true}); err != nil {
		return "", "", errors.Join(diag.Fail(diag.ExitUsage, "cannot write %s", public).Because(err), os.Remove(k.Path(private)))
	}
	return private, public, nil
}
