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

// HTTP asks for a URL once and succeeds on a 2xx or 3xx status. The timeout
// covers the connection and the answer's head. Redirects are not followed.
func HTTP(ctx context.Context, rawURL string, timeout time.Duration) error {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return &Failure{Kind: BadTarget, Text: strconv.Quote(rawURL) + " is not a URL such as http://localhost:3004/health"}
	}
	if u.Scheme != "http" {
		return &Failure{Kind: BadTarget, Text: "cannot probe " + u.Scheme + " URLs: only http:// and tcp:// are supported"}
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	conn, err := dial(ctx, net.JoinHostPort(u.Hostname(), port), timeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer watch(ctx, conn)()
	request := "GET " + u.RequestURI() + " HTTP/1.1\r\nHost: " + u.Host +
		"\r\nUser-Agent: slipway-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return httpFailure(rawURL, timeout, err)
	}
	status, body, err := readResponse(conn)
	if err != nil {
		return httpFailure(rawURL, timeout, err)
	}
	if status >= 200 && status < 400 {
		return nil
	}
	text := rawURL + " answered " + strconv.Itoa(status)
	if body = oneLine(body); body != "" {
		text += " (" + body + ")"
	}
	return &Failure{Kind: NotReady, Text: text}
}

func httpFailure(rawURL string, timeout time.Duration, err error) error {
	if isTimeout(err) {
		return &Failure{Kind: CallFailed, Text: rawURL + " did not answer within " + timeout.String(), Err: err}
	}
	return &Failure{Kind: CallFailed, Text: rawURL + " gave no proper HTTP answer", Err: err}
}

// readResponse reads the status of the first final response and, when it is an
// unhealthy one, the beginning of its body.
func readResponse(r io.Reader) (status int, body string, err error) {
	in := bufio.NewReaderSize(&io.LimitedReader{R: r, N: maxHeaderBytes}, 4096)
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
