package greeting

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/probe"
)

// server answers each connection with bytes, after it has read some.
func server(t testing.TB, reads int, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, reads))
			_, _ = io.WriteString(conn, answer)
			_ = conn.(*net.TCPConn).CloseWrite()
			go func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() }()
		}
	}()
	return l.Addr().String()
}

func postgresError(state, text string) string {
	body := "SFATAL\x00C" + state + "\x00M" + text + "\x00\x00"
	return "E" + string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))) + body
}

// TestAsk: what servers say that take clients, and that do not yet.
func TestAsk(t *testing.T) {
	for _, c := range []struct {
		protocol string
		reads    int
		answer   string
		want     string // part of the error; "" for none
	}{
		{"postgres", 8, "R\x00\x00\x00\x0c", ""},
		{"postgres", 8, postgresError("28000", "role \"slipway\" does not exist"), ""},
		{"postgres", 8, postgresError("57P03", "the database system is starting up"), "starting up"},
		{"postgres", 8, postgresError("53300", "sorry, too many clients already"), "too many"},
		{"postgres", 8, "HTTP/1.1 400", "not of PostgreSQL"},
		{"postgres", 8, "E\xff\xff\xff\xff", "not of PostgreSQL"},
		{"mysql", 0, "\x4a\x00\x00\x00\x0a11.8.6-MariaDB\x00", ""},
		{"mysql", 0, "\x10\x00\x00\x00\xff\x10\x04Too many connections", "Too many"},
		{"mysql", 0, "\x00\x00\x00\x00\xff", "does not serve mysql"},
		{"redis", 14, "+PONG\r\n", ""},
		{"redis", 14, "-LOADING Valkey is loading the dataset in memory\r\n", "LOADING"},
		{"memcached", 9, "VERSION 1.6.38\r\n", ""},
		{"memcached", 9, "ERROR\r\n", "ERROR"},
		{"smtp", 0, "220 mail ESMTP\r\n", ""},
		{"smtp", 0, "421 too busy\r\n", "421"},
		{"amqp", 8, "\x01\x00\x00\x00\x00\x01\xb8\x00\x0a\x00\x0a", ""},
		{"amqp", 8, "AMQP\x00\x00\x09\x01", "not serve amqp"},
		{"mongodb", 16, "\x40\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\xdd\x07\x00\x00", ""},
		{"mongodb", 16, "HTTP/1.1 400 Bad", "not of MongoDB"},
		{"redis", 14, "", "does not serve redis"},
	} {
		err := Ask(t.Context(), c.protocol, server(t, c.reads, c.answer), 5*time.Second)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %q: %v, want %q", c.protocol, c.answer, err, c.want)
		}
	}
}

func TestAskNobody(t *testing.T) {
	if err := Ask(t.Context(), "redis", "127.0.0.1:1", time.Second); probe.KindOf(err) != probe.NoConnect {
		t.Errorf("%v", err)
	}
	if err := Ask(t.Context(), "gopher", "127.0.0.1:1", time.Second); probe.KindOf(err) != probe.BadTarget {
		t.Errorf("%v", err)
	}
	began := time.Now()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := Ask(t.Context(), "smtp", l.Addr().String(), 200*time.Millisecond); probe.KindOf(err) != probe.NotReady || time.Since(began) > 5*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

// FuzzGreet: whatever a server answers, the question ends.
func FuzzGreet(f *testing.F) {
	f.Add(0, []byte(postgresError("57P03", "x")))
	f.Add(1, []byte("\x4a\x00\x00\x00\xff"))
	f.Fuzz(func(t *testing.T, which int, answer []byte) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		_ = ours.SetDeadline(time.Now().Add(5 * time.Second))
		go func() {
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			_, _ = theirs.Write(answer)
			_ = theirs.Close()
		}()
		if which < 0 {
			which = -(which + 1)
		}
		_ = greet(Protocols()[which%len(Protocols())], ours)
	})
}
