package probe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxHeaderBytes bounds the head of an HTTP/1.1 answer.
const maxHeaderBytes = 64 << 10

// HTTPTarget says which URL to ask, and how.
type HTTPTarget struct {
	URL     string        // "http://host:port/path" or "https://…"
	Host    string        // of the header; "": the one of the URL
	Timeout time.Duration // of the connection and the answer's head
	Secure  Secure        // for https; nil: it is refused
}

// HTTP asks for a URL once and succeeds on a 2xx or 3xx status. Redirects are not
// followed.
func HTTP(ctx context.Context, t HTTPTarget) error {
	u, err := t.parse()
	if err != nil {
		return err
	}
	addr := net.JoinHostPort(u.Hostname(), u.Port())
	if u.Port() == "" {
		addr = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	conn, err := dial(ctx, addr, t.Timeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer watch(ctx, conn)()
	if u.Scheme == "https" {
		if conn, err = t.Secure(ctx, conn, "http/1.1"); err != nil {
			return t.failed(err)
		}
	}
	if t.Host != "" {
		u.Host = t.Host
	}
	status, body, err := ask(conn, u)
	switch {
	case u.Scheme == "http" && (hungUp(err) || status == 400) && speaksTLS(ctx, addr, t.Timeout):
		return overTLS(&Failure{Kind: CallFailed, Text: t.URL + " gave no proper HTTP answer"}, "https://")
	case err != nil:
		return t.failed(err)
	case status >= 200 && status < 400:
		return nil
	}
	text := t.URL + " answered " + strconv.Itoa(status)
	if body = oneLine(body); body != "" {
		text += " (" + body + ")"
	}
	return &Failure{Kind: NotReady, Text: text}
}

// parse returns the URL if the target can be asked for it.
func (t HTTPTarget) parse() (*url.URL, error) {
	u, err := url.Parse(t.URL)
	switch {
	case err != nil || u.Host == "":
		return nil, &Failure{Kind: BadTarget, Text: strconv.Quote(t.URL) + " is not a URL such as http://localhost:3004/health"}
	case u.Scheme == "https" && t.Secure == nil:
		return nil, &Failure{Kind: BadTarget, Text: "cannot probe https URLs: this probe was built without TLS"}
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, &Failure{Kind: BadTarget, Text: "cannot probe " + u.Scheme + " URLs: only http://, https:// and tcp:// are supported"}
	}
	return u, nil
}

// ask sends a request and reads the status of its answer.
func ask(conn net.Conn, u *url.URL) (status int, body string, err error) {
	request := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host +
		"\r\nUser-Agent: slipway-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, "", err
	}
	return readResponse(conn)
}

func (t HTTPTarget) failed(err error) error {
	if isTimeout(err) {
		return &Failure{Kind: CallFailed, Text: t.URL + " did not answer within " + t.Timeout.String(), Err: err}
	}
	return &Failure{Kind: CallFailed, Text: t.URL + " gave no proper HTTP answer", Err: err}
}

// readResponse reads the status of the first final response and, when it is an
// unhealthy one, the beginning of its body.
func readResponse(r io.Reader) (status int, body string, err error) {
	in := bufio.NewReaderSize(&io.LimitedReader{R: r, N: maxHeaderBytes}, 4096)
	if head, _ := in.Peek(5); isTLSRecord(head) {
		return 0, "", errAlert
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, "", asUnexpected(err)
		}
		if status, err = statusOf(string(line)); err != nil {
			return 0, "", err
		}
		if status >= 200 && status < 400 {
			return status, "", nil
		}
		if err := skipHeader(in); err != nil {
			if status >= 400 { // the answer is clear, whatever follows
				return status, "", nil
			}
			return 0, "", err
		}
		if status >= 400 {
			_, _ = in.Peek(1) // fills the buffer; what came with the head is enough
			text, _ := in.Peek(min(in.Buffered(), 200))
			return status, string(text), nil
		}
	}
}

// statusOf parses "HTTP/1.1 200 OK".
func statusOf(line string) (int, error) {
	version, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
	code, _, _ := strings.Cut(rest, " ")
	n, err := strconv.Atoi(code)
	if !strings.HasPrefix(version, "HTTP/1.") || err != nil || len(code) != 3 || n < 100 {
		return 0, errors.New("not an HTTP/1.1 status line: " + strconv.Quote(oneLine(line)))
	}
	return n, nil
}

// skipHeader reads up to and with the empty line that ends the header.
func skipHeader(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return asUnexpected(err)
		}
		if err == nil && (string(line) == "\r\n" || string(line) == "\n") {
			return nil
		}
	}
}

func asUnexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		return errors.New("the first line is longer than 4096 bytes")
	}
	return err
}
