// Command acme is an authority for tests: Pebble, by the people of Let's Encrypt, on the
// loopback. Every name has one address there, and the authority asks on one port. It says
// where it is in a line of JSON, and ends with its standard input.
//
//	go run -C test/acme . -address 127.0.8.3 -port 8443 -validity 20s -refuse bad.example
package main

import (
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"time"

	"github.com/letsencrypt/challtestsrv"
	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
)

func main() {
	address := flag.String("address", "127.0.0.1", "of every name")
	port := flag.Int("port", 443, "on which it asks for names, by TLS-ALPN-01")
	validity := flag.Duration("validity", 24*time.Hour, "of certificates")
	refuse := flag.String("refuse", "", "a name that gets none")
	flag.Parse()
	if err := serve(*address, *port, *validity, *refuse); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(address string, port int, validity time.Duration, refuse string) error {
	if err := os.Setenv("PEBBLE_VA_NOSLEEP", "1"); err != nil { // else it takes up to 15 s to ask
		return err
	}
	resolver, names, err := resolve(address)
	if err != nil {
		return err
	}
	defer names.Shutdown()
	say := log.New(os.Stderr, "", log.LstdFlags)
	store := db.NewMemoryStore()
	if refuse != "" {
		if err := store.AddBlockedDomain(refuse); err != nil {
			return err
		}
	}
	issuer := ca.New(say, store, "", "ecdsa", 0, 1, map[string]ca.Profile{"default": {Description: "for tests", ValidityPeriod: uint64(validity / time.Second)}})
	front := wfe.New(say, store, va.New(say, 0, port, true, resolver, store), issuer, []string{"pebble.example"}, true, false, 1, 1)
	server := httptest.NewTLSServer(front.Handler())
	defer server.Close()
	err = json.NewEncoder(os.Stdout).Encode(map[string]string{
		"directory": server.URL + wfe.DirectoryPath,
		"server":    string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})),
		"root":      string(issuer.GetRootCert(0).PEM()),
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// resolve starts a server of DNS in which every name has one address.
func resolve(address string) (string, *challtestsrv.ChallSrv, error) {
	free, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	at := free.LocalAddr().String()
	if err := free.Close(); err != nil {
		return "", nil, err
	}
	names, err := challtestsrv.New(challtestsrv.Config{DNSAddrs: []string{at}, Log: log.New(io.Discard, "", 0)})
	if err != nil {
		return "", nil, err
	}
	names.SetDefaultDNSIPv4(address)
	names.SetDefaultDNSIPv6("")
	go names.Run()
	return at, names, nil
}
