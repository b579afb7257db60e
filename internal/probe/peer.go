package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// Secure makes a TLS connection of a plain one. The protocols are those to offer
// (ALPN). Package probe/secure has one; without it, as in the small binary that
// most images carry, targets that speak TLS are refused.
type Secure func(ctx context.Context, conn net.Conn, protocols ...string) (net.Conn, error)

// ErrPlain is the error of a TLS handshake with a server that does not speak TLS.
var ErrPlain = errors.New("the server does not speak TLS")

// speaksTLS asks a server that did not understand plain text whether it speaks
// TLS: it does when it answers a ClientHello with a handshake or an alert.
// Nothing is negotiated and nothing is secret.
func speaksTLS(ctx context.Context, addr string, timeout time.Duration) bool {
	conn, err := dial(ctx, addr, timeout)
	if err != nil {
		return false
	}
	defer conn.Close()
	defer watch(ctx, conn)()
	if _, err := conn.Write(clientHello()); err != nil {
		return false
	}
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return false
	}
	return isTLSRecord(head[:])
}

// isTLSRecord recognises the head of an alert or a handshake (RFC 8446,
// section 5.1: type, version 3.x, length of at most 2^14+256).
func isTLSRecord(head []byte) bool {
	const alert, handshake = 21, 22
	return len(head) >= 5 && (head[0] == alert || head[0] == handshake) && head[1] == 3 && head[2] <= 4 && head[3] <= 0x41
}

// otherProtocol is the error of an answer that is no frame of HTTP/2.
func otherProtocol(head []byte) error {
	switch {
	case isTLSRecord(head):
		return errAlert
	case strings.HasPrefix(string(head), "HTTP/"):
		return errors.New("the server speaks HTTP/1, not HTTP/2")
	}
	return errFrame
}

// hungUp reports whether a peer ended the connection instead of answering, or
// answered with a TLS alert, which is how a TLS server takes plain text.
func hungUp(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, errAlert) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// errAlert is the answer of a TLS server to plain text.
var errAlert = errors.New("the server answered with a TLS alert")

// overTLS completes a failure to understand a server that turns out to speak TLS.
func overTLS(f *Failure, flags string) *Failure {
	f.TLS = true
	f.Text += ": the server speaks TLS and the check is in plain text; check it with " + flags
	f.Err = nil
	return f
}

// clientHello is a TLS 1.2 hello (RFC 5246, section 7.4.1.2) with the usual
// cipher suites. A server that wants another version says so in an alert.
func clientHello() []byte {
	extensions := strings.Join([]string{
		"\x00\x0a\x00\x06\x00\x04\x00\x1d\x00\x17",                         // supported_groups: x25519, secp256r1
		"\x00\x0b\x00\x02\x01\x00",                                         // ec_point_formats: uncompressed
		"\x00\x0d\x00\x0c\x00\x0a\x04\x03\x08\x04\x04\x01\x05\x03\x06\x01", // signature_algorithms
	}, "")
	suites := "\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30\xcc\xa9\xcc\xa8\x00\x9c\x00\x2f"
	body := "\x03\x03" + strings.Repeat("s", 32) + "\x00" + sized(suites) + "\x01\x00" + sized(extensions)
	return []byte("\x16\x03\x01" + sized("\x01\x00"+sized(body)))
}

// sized puts a length of two bytes before a text.
func sized(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }
