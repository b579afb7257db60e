package names

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/dns/dnsmessage"
)

// start serves a resolver on the loopback.
func start(t *testing.T, r *Resolver) (udp, tcp string) {
	t.Helper()
	u, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() { r.Serve(context.WithoutCancel(t.Context()), u, l) })
	t.Cleanup(func() {
		_, _ = u.Close(), l.Close()
		done.Wait()
	})
	return u.LocalAddr().String(), l.Addr().String()
}

// server is a name server that answers over UDP and TCP; nil is no answer.
func server(t *testing.T, answer func(network string, query []byte) []byte) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenPacket("udp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = u.Close(), l.Close() })
	go func() {
		buf := make([]byte, maxMessage)
		for {
			n, from, err := u.ReadFrom(buf)
			if err != nil {
				return
			}
			if msg := answer("udp", buf[:n]); msg != nil {
				_, _ = u.WriteTo(msg, from)
			}
		}
	}()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if query, err := readTCP(conn); err == nil {
				if msg := answer("tcp", query); msg != nil {
					_ = writeTCP(conn, msg)
				}
			}
			_ = conn.Close()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

func pack(t *testing.T, m dnsmessage.Message) []byte {
	t.Helper()
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func query(t *testing.T, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	return pack(t, dnsmessage.Message{Header: dnsmessage.Header{ID: 77, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}})
}

// exchange sends a message and returns the response in words; "" is none.
func exchange(t *testing.T, network, addr string, msg []byte) string {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	var got []byte
	if network == "tcp" {
		if err := writeTCP(conn, msg); err != nil {
			t.Fatal(err)
		}
		got, err = readTCP(conn)
	} else {
		if _, err := conn.Write(msg); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(4 * time.Second))
		buf := make([]byte, maxMessage)
		var n int
		n, err = conn.Read(buf)
		got = buf[:n]
	}
	if err != nil {
		return ""
	}
	return words(t, got)
}

func words(t *testing.T, msg []byte) string {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(msg); err != nil {
		t.Fatalf("%v in %x", err, msg)
	}
	if m.ID != 77 || !m.Response || !m.RecursionAvailable {
		t.Errorf("header %+v", m.Header)
	}
	text := strings.TrimPrefix(m.RCode.String(), "RCode")
	if m.Truncated {
		text += " truncated"
	}
	for _, a := range m.Answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			text += fmt.Sprintf(" %s %s", a.Header.Name, netip.AddrFrom4(body.A))
		case *dnsmessage.PTRResource:
			text += " " + body.PTR.String()
		case *dnsmessage.TXTResource:
			text += fmt.Sprintf(" %d bytes", len(strings.Join(body.TXT, "")))
		}
	}
	return text
}

// outside answers names as a name server of the world: big.example is too large
// for UDP, slow.example gets no answer, odd.example gets that to another
// question first.
func outside(t *testing.T) func(string, []byte) []byte {
	return func(network string, query []byte) []byte {
		q, _, _ := parse(query)
		reply := dnsmessage.Message{Header: dnsmessage.Header{ID: q.header.ID, Response: true, RecursionAvailable: true}, Questions: []dnsmessage.Question{q.Question}}
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 60}
		switch q.Name.String() {
		case "big.example.":
			if network == "udp" {
				reply.Truncated = true
				break
			}
			reply.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.TXTResource{TXT: slices(40, strings.Repeat("x", 250))}}}
		case "slow.example.":
			return nil
		case "odd.example.":
			reply.Questions[0].Name = dnsmessage.MustNewName("other.example.")
		case "www.example.":
			reply.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}}
		default:
			reply.RCode = dnsmessage.RCodeNameError
		}
		return pack(t, reply)
	}
}

func slices(n int, s string) []string {
	var out []string
	for range n {
		out = append(out, s)
	}
	return out
}

func TestResolver(t *testing.T) {
	r := &Resolver{}
	r.Zone.Add(netip.MustParseAddr("10.1.2.3"), "peer.shop", "peer")
	down := netip.MustParseAddrPort("127.0.0.1:1")
	refuses := server(t, func(_ string, query []byte) []byte {
		q, _, _ := parse(query)
		return respond(q, dnsmessage.RCodeRefused, nil)
	})
	world := server(t, outside(t))
	r.Servers = func() []netip.AddrPort { return []netip.AddrPort{down, refuses, world} }
	udp, tcp := start(t, r)
	long := strings.Repeat("a", 60)
	for _, c := range []struct {
		name string
		kind dnsmessage.Type
		want string
	}{
		{"peer.", dnsmessage.TypeA, "Success peer. 10.1.2.3"},
		{"PeEr.", dnsmessage.TypeA, "Success PeEr. 10.1.2.3"},
		{"peer.shop.", dnsmessage.TypeA, "Success peer.shop. 10.1.2.3"},
		{"peer.", dnsmessage.TypeALL, "Success peer. 10.1.2.3"},
		{"peer.", dnsmessage.TypeAAAA, "Success"},
		{"peer.", dnsmessage.TypeSRV, "Success"},
		{"3.2.1.10.in-addr.arpa.", dnsmessage.TypePTR, "Success peer.shop."},
		{"4.2.1.10.in-addr.arpa.", dnsmessage.TypePTR, "NameError"},
		{"www.example.", dnsmessage.TypeA, "Success www.example. 192.0.2.1"},
		{"stranger.", dnsmessage.TypeA, "NameError"},
		{"sub.peer.", dnsmessage.TypeA, "NameError"},
		{long + "." + long + "." + long + ".", dnsmessage.TypeA, "NameError"},
	} {
		for network, addr := range map[string]string{"udp": udp, "tcp": tcp} {
			if got := exchange(t, network, addr, query(t, c.name, c.kind)); got != c.want {
				t.Errorf("%s %s %s: %q, want %q", network, c.name, c.kind, got, c.want)
			}
		}
	}
	if got := exchange(t, "udp", udp, query(t, "big.example.", dnsmessage.TypeTXT)); got != "Success truncated" {
		t.Errorf("a large answer over UDP: %q", got)
	}
	if got := exchange(t, "tcp", tcp, query(t, "big.example.", dnsmessage.TypeTXT)); got != "Success 10000 bytes" {
		t.Errorf("a large answer over TCP: %q", got)
	}
	for _, name := range []string{"slow.example.", "odd.example."} {
		began := time.Now()
		if got := exchange(t, "udp", udp, query(t, name, dnsmessage.TypeA)); got != "Refused" || time.Since(began) > 2*serverTime {
			t.Errorf("%s: %q after %v", name, got, time.Since(began))
		}
	}
}

func TestNoNameServerAnswers(t *testing.T) {
	r := &Resolver{Servers: func() []netip.AddrPort { return []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:1")} }}
	r.dial = func(context.Context, string, netip.AddrPort) (net.Conn, error) { return nil, errors.New("no network") }
	udp, tcp := start(t, r)
	if u, c := exchange(t, "udp", udp, query(t, "www.example.", dnsmessage.TypeA)), exchange(t, "tcp", tcp, query(t, "www.example.", dnsmessage.TypeA)); u != "ServerFailure" || c != u {
		t.Errorf("UDP %q, TCP %q", u, c)
	}
}

// TestJunk sends what is no query: nothing of it reaches a name server, and a
// query after it is answered.
func TestJunk(t *testing.T) {
	r := &Resolver{Servers: func() []netip.AddrPort { t.Error("a name server was asked"); return nil }}
	r.Zone.Add(netip.MustParseAddr("10.1.2.3"), "peer")
	udp, tcp := start(t, r)
	good := query(t, "peer.", dnsmessage.TypeA)
	response := bytes.Clone(good)
	response[2] |= 0x80
	update := bytes.Clone(good)
	update[2] |= 5 << 3
	two := bytes.Clone(good)
	two[5] = 2
	none := bytes.Clone(good[:12])
	none[5] = 0
	loop := append(bytes.Clone(good[:12]), 0xc0, 12, 0, 1, 0, 1)
	for name, c := range map[string]struct {
		msg  []byte
		want string
	}{
		"opcode":             {update, "NotImplemented"},
		"two questions":      {two, "FormatError"},
		"no question":        {none, "FormatError"},
		"a name in a circle": {loop, "FormatError"},
	} {
		if got := exchange(t, "udp", udp, c.msg); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	conn, err := net.Dial("udp", udp)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, junk := range [][]byte{nil, {1}, response, bytes.Repeat([]byte{0xff}, 9000), good[:5]} {
		_, _ = conn.Write(junk)
	}
	for _, junk := range [][]byte{{0, 0}, {0, 1, 9}, append([]byte{0, byte(len(response))}, response...), {0xff, 0xff, 1}} {
		c, err := net.Dial("tcp", tcp)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(junk)
		_ = c.Close()
	}
	if got := exchange(t, "udp", udp, good); got != "Success peer. 10.1.2.3" {
		t.Errorf("after junk: %q", got)
	}
}

// TestManyConnections opens more connections than are served at once, and leaves
// them silent: UDP goes on, and TCP again when they are gone.
func TestManyConnections(t *testing.T) {
	r := &Resolver{Servers: func() []netip.AddrPort { return nil }}
	r.Zone.Add(netip.MustParseAddr("10.1.2.3"), "peer")
	udp, tcp := start(t, r)
	var open []net.Conn
	for range 2 * maxConns {
		c, err := net.Dial("tcp", tcp)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	if got := exchange(t, "udp", udp, query(t, "peer.", dnsmessage.TypeA)); got != "Success peer. 10.1.2.3" {
		t.Errorf("UDP: %q", got)
	}
	for _, c := range open {
		_ = c.Close()
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", tcp)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		_ = writeTCP(conn, query(t, "peer.", dnsmessage.TypeA))
		_, err = readTCP(conn)
		_ = conn.Close()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("TCP is not served any more")
		}
	}
}

func TestConf(t *testing.T) {
	ip := netip.MustParseAddr("127.0.0.11")
	for machine, want := range map[string]string{
		"": "nameserver 127.0.0.11\noptions ndots:0\n",
		"nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan corp.example\n":               "nameserver 127.0.0.11\nsearch lan corp.example\noptions edns0 trust-ad ndots:0\n",
		"domain a\r\nsearch b\r\noptions ndots:5 timeout:1\r\nnameserver 192.0.2.1\r\n# comment": "nameserver 127.0.0.11\nsearch b\noptions timeout:1 ndots:0\n",
	} {
		if diff := cmp.Diff(want, Conf(ip, machine)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", machine, diff)
		}
	}
}

func TestServers(t *testing.T) {
	for conf, want := range map[string]string{
		"":                         "[127.0.0.1:53]",
		"search x\nnameserver x\n": "[127.0.0.1:53]",
		"nameserver 127.0.0.53\n#nameserver 1.1.1.1\nnameserver fe80::1%eth0\n": "[127.0.0.53:53 [fe80::1%eth0]:53]",
	} {
		if got := fmt.Sprint(Servers(conf)); got != want {
			t.Errorf("%q: %s, want %s", conf, got, want)
		}
	}
}

func FuzzLocal(f *testing.F) {
	r := &Resolver{}
	r.Zone.Add(netip.MustParseAddr("10.1.2.3"), "peer")
	f.Add([]byte("\x00\x4d\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04peer\x00\x00\x01\x00\x01"))
	f.Add([]byte("\x00\x4d\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		msg, ask := r.local(b)
		if ask && msg != nil {
			t.Error("it answers and asks")
		}
		if msg == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(msg); err != nil || !m.Response || m.ID != binary.BigEndian.Uint16(b) {
			t.Errorf("%v, %+v", err, m.Header)
		}
	})
}
