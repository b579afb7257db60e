// Command server is what the containers of the tests run.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "check" { // as a HEALTHCHECK
		if _, err := os.Stat("/tmp/ill"); err == nil {
			fmt.Println("I am ill")
			os.Exit(3)
		}
		return
	}
	if os.Getenv("MODE") == "init" {
		initialise()
	}
	fmt.Println("starting as", os.Getuid(), "of", os.Getenv("GREETING"))
	if os.Getenv("MODE") == "fail" {
		fmt.Fprintln(os.Stderr, "cannot read the configuration")
		os.Exit(7)
	}
	addr := os.Getenv("LISTEN")
	if addr == "" {
		addr = ":8080"
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if os.Getenv("MODE") == "ill" {
			http.Error(w, "no database", http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/name", func(w http.ResponseWriter, _ *http.Request) {
		name, _ := os.Hostname()
		fmt.Fprint(w, name)
	})
	http.HandleFunc("/connect", func(w http.ResponseWriter, r *http.Request) {
		conn, err := net.DialTimeout("tcp", r.FormValue("addr"), 2*time.Second)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "GET /name HTTP/1.0\r\n\r\n")
		_, _ = io.Copy(w, conn)
	})
	http.HandleFunc("/dns", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, ask(r.FormValue("net"), r.FormValue("name"), r.FormValue("type")))
	})
	http.HandleFunc("/read", func(w http.ResponseWriter, r *http.Request) {
		b, err := os.ReadFile(r.FormValue("path"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
		}
		_, _ = w.Write(b)
	})
	http.HandleFunc("/write", func(w http.ResponseWriter, r *http.Request) {
		if err := os.WriteFile(r.FormValue("path"), nil, 0o644); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	})
	http.HandleFunc("/eat", func(http.ResponseWriter, *http.Request) {
		var all [][]byte
		for range 1024 {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			all = append(all, b)
		}
		fmt.Println(len(all))
	})
	http.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Println("slow began")
		time.Sleep(1500 * time.Millisecond)
		fmt.Fprint(w, "finished")
	})
	http.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, socket(r.FormValue("kind")))
	})
	if d, err := time.ParseDuration(os.Getenv("LISTEN_AFTER")); err == nil {
		time.Sleep(d)
	}
	server := &http.Server{Addr: addr}
	stopped := make(chan struct{})
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGUSR2)
	go func() {
		s := <-stop
		fmt.Println("got", s)
		if os.Getenv("MODE") != "stubborn" {
			_ = server.Shutdown(context.Background())
			close(stopped)
		}
	}()
	if os.Getenv("MODE") == "tls" {
		fmt.Println(server.Serve(listenTLS(addr)))
	} else {
		fmt.Println(server.ListenAndServe())
	}
	<-stopped
	fmt.Println("bye")
}

// socket opens a socket of a kind and says what came of it.
func socket(kind string) string {
	var fd int
	var err error
	switch kind {
	case "packet":
		fd, err = syscall.Socket(syscall.AF_PACKET, syscall.SOCK_RAW, 0)
	case "raw":
		fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_ICMP)
	case "ping":
		fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, syscall.IPPROTO_ICMP)
	}
	if err != nil {
		return err.Error()
	}
	_ = syscall.Close(fd)
	return "open"
}

// initialise is a process 1 that runs the server as its child and hands signals
// on late, as an init does on a busy machine.
func initialise() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR2)
	child := exec.Command("/server")
	child.Env = append(os.Environ(), "MODE=")
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() {
		for s := range signals {
			time.Sleep(300 * time.Millisecond)
			_ = child.Process.Signal(s)
		}
	}()
	_ = child.Wait()
	os.Exit(child.ProcessState.ExitCode())
}

// listenTLS listens with a certificate that nobody has signed.
func listenTLS(addr string) net.Listener {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	l, err := tls.Listen("tcp", addr, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	must(err)
	return l
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// ask asks the container's name server by DNS, without the hosts file.
func ask(network, name, kind string) string {
	types := map[string]dnsmessage.Type{"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "PTR": dnsmessage.TypePTR, "TXT": dnsmessage.TypeTXT}
	query := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: types[kind], Class: dnsmessage.ClassINET}}}
	packed, err := query.Pack()
	if err != nil {
		return err.Error()
	}
	conn, err := net.DialTimeout(network, "127.0.0.11:53", 2*time.Second)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(8 * time.Second))
	buf := make([]byte, 65536)
	n := 0
	if network == "tcp" {
		_, _ = conn.Write(append([]byte{byte(len(packed) >> 8), byte(len(packed))}, packed...))
		if _, err = io.ReadFull(conn, buf[:2]); err == nil {
			n, err = io.ReadFull(conn, buf[:int(buf[0])<<8|int(buf[1])])
		}
	} else {
		_, _ = conn.Write(packed)
		n, err = conn.Read(buf)
	}
	if err != nil {
		return err.Error()
	}
	var answer dnsmessage.Message
	if err := answer.Unpack(buf[:n]); err != nil {
		return err.Error()
	}
	text := strings.TrimPrefix(answer.RCode.String(), "RCode")
	for _, a := range answer.Answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			text += " " + netip.AddrFrom4(body.A).String()
		case *dnsmessage.PTRResource:
			text += " " + body.PTR.String()
		case *dnsmessage.TXTResource:
			text += fmt.Sprintf(" %d bytes", len(strings.Join(body.TXT, "")))
		}
	}
	return text
}
