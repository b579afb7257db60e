package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"
)

var (
	errLongHeaders = errors.New("the headers of the answer are too long")
	errProtocol    = errors.New("the upstream changed the protocol without being asked")
)

// link is a connection to an upstream, of one request at a time.
type link struct {
	of    *direct
	conn  net.Conn
	r     *bufio.Reader
	w     *bufio.Writer
	left  int64       // bytes that may be read
	since time.Time   // idle
	stop  func() bool // lets the connection outlive its request
}

func newLink(d *direct, conn net.Conn) *link {
	l := &link{of: d, conn: conn, w: bufio.NewWriter(conn)}
	l.r = bufio.NewReader(l)
	return l
}

// Read reads from the connection, within the limit for headers.
func (l *link) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLongHeaders
	}
	n, err := l.conn.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

func (l *link) close() { _ = l.conn.Close() }

// silent reports that the upstream has neither closed an idle connection nor sent what
// nobody asked for, which would be taken as the next answer.
func (l *link) silent() bool {
	tcp, ok := l.conn.(*net.TCPConn)
	if !ok || l.r.Buffered() > 0 {
		return false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	nothing := false
	err = raw.Read(func(fd uintptr) bool {
		nothing = wouldBlock(fd)
		return true
	})
	return err == nil && nothing
}

// ask sends a request and reads the headers of its answer. Begun means that a part of an
// answer came. The connection is closed after an error; else the end of the body decides.
func (l *link) ask(req *http.Request) (res *http.Response, begun bool, err error) {
	l.stop = context.AfterFunc(req.Context(), l.close)
	defer func() {
		if err != nil {
			l.end(false)
		}
	}()
	if err = req.Write(l.w); err != nil {
		return nil, false, err
	}
	if err = l.w.Flush(); err != nil {
		return nil, false, err
	}
	if l.of.answer > 0 {
		_ = l.conn.SetReadDeadline(time.Now().Add(l.of.answer))
	}
	l.left = maxAnswerHeaders
	if _, err = l.r.Peek(1); err != nil {
		return nil, false, err
	}
	if res, err = l.final(req); err != nil {
		return nil, true, err
	}
	l.left = math.MaxInt64
	if l.of.answer > 0 {
		_ = l.conn.SetReadDeadline(time.Time{})
	}
	if res.Body == http.NoBody {
		l.end(!res.Close)
		return res, true, nil
	}
	res.Body = &linkBody{ReadCloser: res.Body, link: l, keep: !res.Close}
	return res, true, nil
}

// final reads the headers of an answer; those before it, such as 103, are handed on.
func (l *link) final(req *http.Request) (*http.Response, error) {
	for {
		res, err := http.ReadResponse(l.r, req)
		switch {
		case err != nil:
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols || res.StatusCode < 100:
			return nil, errProtocol
		case res.StatusCode >= 200:
			return res, nil
		}
		if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(res.StatusCode, map[string][]string(res.Header)); err != nil {
				return nil, err
			}
		}
	}
}

// end is the end of an exchange. A connection is kept when the whole answer was read, the
// upstream goes on, and the request was not cancelled.
func (l *link) end(keep bool) {
	if l.stop() && keep && l.r.Buffered() == 0 {
		l.of.put(l)
		return
	}
	l.close()
}

// linkBody is the body of an answer.
type linkBody struct {
	io.ReadCloser
	link *link // nil: it has ended
	keep bool
}

func (b *linkBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end(b.keep && errors.Is(err, io.EOF))
	}
	return n, err
}

// Close closes the connection when the body was not read to its end.
func (b *linkBody) Close() error {
	b.end(false)
	return nil
}

func (b *linkBody) end(keep bool) {
	if b.link != nil {
		b.link.end(keep)
		b.link = nil
	}
}
