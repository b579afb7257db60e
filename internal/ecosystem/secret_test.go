package ecosystem

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
)

// block is a text in PEM form.
func block(kind, headers string) string {
	return "-----BEGIN " + kind + "-----\n" + headers + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7+/aB0c1D2e3F\n", 3) + "-----END " + kind + "-----\n"
}

func TestSecretsByContent(t *testing.T) {
	private := block("PRIVATE KEY", "")
	for name, c := range map[string]struct {
		file, content string
		want          bool
	}{
		"PKCS #8":                            {"certs/server.pem", private, true},
		"PKCS #1":                            {"server.private", block("RSA PRIVATE KEY", ""), true},
		"SEC 1":                              {"ec.txt", block("EC PARAMETERS", "") + block("EC PRIVATE KEY", ""), true},
		"encrypted, PKCS #8":                 {"a.pem", block("ENCRYPTED PRIVATE KEY", ""), true},
		"encrypted, with headers":            {"a.pem", block("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0123456789ABCDEF\n\n"), true},
		"OpenSSH":                            {"deploy_key", block("OPENSSH PRIVATE KEY", ""), true},
		"OpenPGP":                            {"signing.asc", block("PGP PRIVATE KEY BLOCK", "Version: GnuPG v2\n\n"), true},
		"SSH.COM":                            {"id", strings.NewReplacer("-----B", "---- B", "-----E", "---- E", "-----\n", " ----\n").Replace(block("SSH2 ENCRYPTED PRIVATE KEY", "")), true},
		"lines of Windows":                   {"a.pem", strings.ReplaceAll(private, "\n", "\r\n"), true},
		"certificates and their key":         {"bundle.pem", block("CERTIFICATE", "") + private, true},
		"a key that is called a certificate": {"server.crt", private, true},
		"PuTTY":                              {"host.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nPublic-Lines: 2\nAAAA\nBBBB\nPrivate-Lines: 1\nAAAA\n", true},
		"age":                                {"keys.txt", "# created: 2026-01-01\n# public key: age1x\nAGE-SECRET-KEY-1" + strings.Repeat("QYX0", 14) + "AB\n", true},
		"WireGuard":                          {"wg0.conf", "[Interface]\nPrivateKey = " + strings.Repeat("a", 43) + "=\nAddress = 10.0.0.1/24\nListenPort = 51820\n", true},
		"an account of a service":            {"gcp.json", `{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n-----END PRIVATE KEY-----\n"}`, true},
		"a JSON web key":                     {"jwks.json", `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}]}`, true},
		"a short key of a test":              {"certs/x.pem", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----\n", true},

		"a public key by the name of a private one":  {"keys/public-key.pem", block("PUBLIC KEY", ""), false},
		"a certificate by the name of a private key": {"ca-key.pem", block("CERTIFICATE", ""), false},
		"a public key, PKCS #1":                      {"jwt.key", block("RSA PUBLIC KEY", ""), false},
		"a certificate":                              {"server.pem", block("CERTIFICATE", ""), false},
		"a public key of OpenSSH":                    {"id_rsa.pub", "ssh-rsa " + strings.Repeat("A", 200) + " me@x\n", false},
		"a public JSON web key":                      {"jwks.json", `{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`, false},
		"a place for a key":                          {"config.yaml", "tls:\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    YOUR KEY HERE, in lines of base64\n    -----END PRIVATE KEY-----\n", false},
		"a text about keys":                          {"notes.txt", "Paste the lines after -----BEGIN PRIVATE KEY----- into the form, and save it in the usual way.\n", false},
		"a source with a key":                        {"src/fixture.js", private, false}, // the check of the image finds it
		"a file that is large":                       {"big.txt", private + strings.Repeat("x", maxKeyFile), false},
		"a key by its name, whatever is in it":       {"tls.key", strings.Repeat("\x00\x01binary", 30), true},
		"an empty file by the name of a key":         {"tls.key", "", true},
		"variables":                                  {"config/.env", block("CERTIFICATE", ""), true},
		"an example of variables":                    {".env.example", "A=1\n" + strings.Repeat("#", 80), false},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			s := Open(fstest.MapFS{c.file: {Data: []byte(c.content)}}, config.Service{Name: "a"}, nil)
			if got := s.Secret(c.file); got != c.want {
				t.Errorf("%s is a secret: %v", c.file, got)
			}
			if why := s.Needless(c.file, false); (why == WhySecret) != c.want {
				t.Errorf("%s is left out as %q", c.file, why)
			}
		})
	}
}

// TestPatternsFollowTheContent: what is public comes in, and a key by another name
// stays out.
func TestPatternsFollowTheContent(t *testing.T) {
	s := Open(fstest.MapFS{
		"certs/public-key.pem": {Data: []byte(block("PUBLIC KEY", ""))}, "certs/server.pem": {Data: []byte(block("PRIVATE KEY", ""))}, "certs/tls.key": {Data: []byte(block("PRIVATE KEY", ""))},
		"certs/server.crt": {Data: []byte(block("CERTIFICATE", ""))}, "node_modules/x/key.txt": {Data: []byte(block("PRIVATE KEY", ""))},
	}, config.Service{Name: "a"}, nil)
	s.LookForSecrets(".")
	got := s.UnhidePublic([]string{"first"}, func(at string) string { return "web/" + at })
	if diff := cmp.Diff([]string{"first", "web/certs/server.pem", "!web/certs/public-key.pem"}, got); diff != "" {
		t.Errorf("patterns (-want +got)\n%s", diff)
	}
}
