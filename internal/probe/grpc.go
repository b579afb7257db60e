package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"
)

// Header is one metadata pair of a call.
type Header struct{ Name, Value string }

// GRPCTarget says which gRPC service to ask, and how. Zero timeouts are a second.
type GRPCTarget struct {
	Addr           string // "host:port" or "unix:///path"
	Service        string // empty: the server as a whole
	ConnectTimeout time.Duration
	RPCTimeout     time.Duration
	UserAgent      string
	Headers        []Header
	Secure         Secure       // for TLS; nil: plain text
	Trace          func(string) // told of each phase; may be nil
}

const (
	healthPath = "/grpc.health.v1.Health/Check"
	// maxService bounds the service name, so that a request is one DATA frame.
	maxService = 8 << 10
	// maxMessage bounds the answer, which has two bytes in practice.
	maxMessage = 4 << 10
)

// The gRPC status codes that are told apart (google.golang.org/grpc/codes).
const (
	codeDeadline      = 4
	codeUnimplemented = 12
)

// GRPC calls grpc.health.v1.Health/Check once and succeeds on SERVING.
func GRPC(ctx context.Context, t GRPCTarget) error {
	t = t.withDefaults()
	if len(t.Service) > maxService {
		return &Failure{Kind: BadTarget, Text: "the service name is longer than 8192 bytes"}
	}
	trace := t.Trace
	if trace == nil {
		trace = func(string) {}
	}
	trace("establishing connection")
	began := time.Now()
	conn, err := dial(ctx, t.Addr, t.ConnectTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer watch(ctx, conn)()
	if t.Secure != nil {
		if conn, err = t.Secure(ctx, conn, "h2"); err != nil {
			return t.notConnected(ctx, err)
		}
	}
	h := newH2(conn)
	if err := h.handshake(); err != nil {
		return t.notConnected(ctx, err)
	}
	connected := time.Since(began)
	trace("connection established (took " + connected.String() + ")")
	began = time.Now()
	status, err := t.check(ctx, conn, h)
	trace("time elapsed: connect=" + connected.String() + " rpc=" + time.Since(began).String())
	if err != nil {
		return err
	}
	if status != "SERVING" {
		return &Failure{Kind: NotReady, Text: "service unhealthy (responded with " + strconv.Quote(status) + ")"}
	}
	return nil
}

// notConnected is the failure of a connection that did not come to speak HTTP/2.
func (t GRPCTarget) notConnected(ctx context.Context, err error) error {
	if isTimeout(err) {
		return &Failure{Kind: NoConnect, Text: "timeout: failed to connect service " + strconv.Quote(t.Addr) + " within " + t.ConnectTimeout.String(), Err: err}
	}
	f := &Failure{Kind: NoConnect, Text: "error: failed to connect service at " + strconv.Quote(t.Addr), Err: err}
	if t.Secure == nil && hungUp(err) && speaksTLS(ctx, t.Addr, t.ConnectTimeout) {
		return overTLS(f, "-tls -tls-no-verify")
	}
	return f
}

func (t GRPCTarget) withDefaults() GRPCTarget {
	if t.ConnectTimeout <= 0 {
		t.ConnectTimeout = time.Second
	}
	if t.RPCTimeout <= 0 {
		t.RPCTimeout = time.Second
	}
	if t.UserAgent == "" {
		t.UserAgent = "slipway-probe"
	}
	return t
}

func (t GRPCTarget) scheme() string {
	if t.Secure != nil {
		return "https"
	}
	return "http"
}

// check makes the call on an established connection and returns the status.
func (t GRPCTarget) check(ctx context.Context, conn net.Conn, h *h2) (string, error) {
	if ctx.Err() == nil {
		_ = conn.SetDeadline(time.Now().Add(t.RPCTimeout))
	}
	authority := t.Addr
	if strings.HasPrefix(authority, "unix:") {
		authority = "localhost"
	}
	headers := []Header{
		{":method", "POST"}, {":scheme", t.scheme()}, {":path", healthPath}, {":authority", authority},
		{"content-type", "application/grpc"}, {"te", "trailers"}, {"user-agent", t.UserAgent},
		{"grpc-timeout", strconv.FormatInt(min(t.RPCTimeout.Milliseconds()+1, 99999999), 10) + "m"},
	}
	for _, e := range t.Headers {
		headers = append(headers, Header{strings.ToLower(e.Name), e.Value})
	}
	answer, err := h.call(headers, checkRequest(t.Service))
	switch {
	case isTimeout(err) || err == nil && answer.grpcStatus == codeDeadline:
		return "", &Failure{Kind: CallFailed, Text: "timeout: health rpc did not complete within " + t.RPCTimeout.String(), Err: err}
	case err != nil:
		return "", &Failure{Kind: CallFailed, Text: "error: health rpc failed", Err: err}
	case answer.grpcStatus == codeUnimplemented:
		return "", &Failure{Kind: CallFailed, Text: "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): " + oneLine(answer.grpcMessage)}
	case answer.grpcStatus != 0:
		return "", &Failure{Kind: CallFailed, Text: "error: health rpc failed: rpc error: code = " + codeName(answer.grpcStatus) + " desc = " + oneLine(answer.grpcMessage)}
	}
	status, err := checkResponse(answer.body)
	if err != nil {
		return "", &Failure{Kind: CallFailed, Text: "error: health rpc failed", Err: err}
	}
	return status, nil
}

// checkRequest is a HealthCheckRequest{service = 1} behind a gRPC prefix.
func checkRequest(service string) []byte {
	var msg []byte
	if service != "" {
		msg = binary.AppendUvarint([]byte{0x0a}, uint64(len(service)))
		msg = append(msg, service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(msg))), msg...)
}

var errMalformed = errors.New("malformed health response")

// checkResponse reads the status of a HealthCheckResponse{status = 1} behind a
// gRPC prefix. Unknown fields are skipped.
func checkResponse(b []byte) (string, error) {
	if len(b) < 5 {
		return "", errMalformed
	}
	if b[0] != 0 {
		return "", errors.New("the health response is compressed, which was not requested")
	}
	msg := b[5:]
	if uint64(binary.BigEndian.Uint32(b[1:5])) != uint64(len(msg)) {
		return "", errMalformed
	}
	status := uint64(0)
	for len(msg) > 0 {
		tag, n := binary.Uvarint(msg)
		if n <= 0 {
			return "", errMalformed
		}
		value, size, err := protoField(tag&7, msg[n:])
		if err != nil {
			return "", err
		}
		if tag == 1<<3 {
			status = value
		}
		msg = msg[n+size:]
	}
	return statusName(status), nil
}

// protoField returns the value of a varint field, and the size of any field.
func protoField(wireType uint64, b []byte) (value uint64, size int, err error) {
	switch wireType {
	case 0:
		value, size = binary.Uvarint(b)
	case 1:
		size = 8
	case 2:
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)) {
			return 0, 0, errMalformed
		}
		size = n + int(length)
	case 5:
		size = 4
	}
	if size <= 0 || size > len(b) {
		return 0, 0, errMalformed
	}
	return value, size, nil
}

// statusName is HealthCheckResponse.ServingStatus.
func statusName(n uint64) string {
	names := [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if n < uint64(len(names)) {
		return names[n]
	}
	return strconv.FormatUint(n, 10)
}

func codeName(n int) string {
	names := [...]string{"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
		"PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal",
		"Unavailable", "DataLoss", "Unauthenticated"}
	if n >= 0 && n < len(names) {
		return names[n]
	}
	return "Code(" + strconv.Itoa(n) + ")"
}
