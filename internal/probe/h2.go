package probe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/url"
	"strconv"

	"golang.org/x/net/http2/hpack"
)

// The frame types and flags of HTTP/2 (RFC 9113, section 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	framePush         = 0x5
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagAck        = 0x1
	flagEndStream  = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

const (
	preface       = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	maxFrame      = 16 << 10 // SETTINGS_MAX_FRAME_SIZE: the default, which is not changed
	maxHeaders    = 64 << 10
	maxFrames     = 10_000 // of one call; ends an endless stream of small frames
	windowDefault = 65_535
	windowMax     = 1<<31 - 1
)

var (
	errFrame   = errors.New("malformed HTTP/2 frame")
	errTooMuch = errors.New("the server sent more than a health response can hold")
)

// frame is one frame; its payload is valid until the next one is read.
type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

// reply is the answer to a call.
type reply struct {
	body        []byte
	grpcStatus  int // -1 until it came
	grpcMessage string
	httpStatus  string
}

// h2 is an HTTP/2 connection that carries one call, on stream 1. Its memory is
// bounded by the constants above. It is not safe for concurrent use.
type h2 struct {
	in            *bufio.Reader
	out           io.Writer
	payload       [maxFrame]byte
	headers       []byte // header block that is being gathered
	inHeaders     bool
	headersEnd    bool // the gathered block ends the stream
	connWindow    int64
	streamWindow  int64
	initialWindow int64
	decoder       *hpack.Decoder
	unsent        []byte
	reply         reply
	done          bool
}

func newH2(conn io.ReadWriter) *h2 {
	return &h2{
		in: bufio.NewReader(conn), out: conn,
		connWindow: windowDefault, streamWindow: windowDefault, initialWindow: windowDefault,
		decoder: hpack.NewDecoder(4096, nil),
		reply:   reply{grpcStatus: -1},
	}
}

// handshake sends the client's preface and waits for the server's.
func (h *h2) handshake() error {
	settings := []byte{0, 2, 0, 0, 0, 0} // SETTINGS_ENABLE_PUSH = 0
	if err := h.write([]byte(preface), frame{kind: frameSettings, payload: settings}); err != nil {
		return err
	}
	f, err := h.read()
	if err != nil {
		return err
	}
	if f.kind != frameSettings || f.flags&flagAck != 0 {
		return errors.New("the server does not speak HTTP/2")
	}
	return h.settings(f)
}

// call sends a request with its body and returns when the stream has ended.
func (h *h2) call(headers []Header, body []byte) (reply, error) {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, e := range headers {
		if err := enc.WriteField(hpack.HeaderField{Name: e.Name, Value: e.Value}); err != nil {
			return reply{}, err
		}
	}
	if block.Len() > maxFrame {
		return reply{}, errors.New("the headers are longer than 16384 bytes")
	}
	h.unsent = body
	if err := h.write(nil, frame{kind: frameHeaders, flags: flagEndHeaders, stream: 1, payload: block.Bytes()}); err != nil {
		return reply{}, err
	}
	for range maxFrames {
		if err := h.flush(); err != nil {
			return reply{}, err
		}
		f, err := h.read()
		if err != nil {
			return reply{}, err
		}
		if err := h.handle(f); err != nil {
			return reply{}, err
		}
		if h.done {
			return h.finish()
		}
	}
	return reply{}, errTooMuch
}

// finish judges a stream that has ended.
func (h *h2) finish() (reply, error) {
	if h.reply.httpStatus != "200" {
		return reply{}, errors.New("unexpected HTTP status " + strconv.Quote(oneLine(h.reply.httpStatus)))
	}
	if h.reply.grpcStatus < 0 {
		return reply{}, errors.New("the server sent no grpc-status")
	}
	return h.reply, nil
}

// flush sends as much of the body as the server's windows allow.
func (h *h2) flush() error {
	for len(h.unsent) > 0 {
		n := min(int64(len(h.unsent)), h.connWindow, h.streamWindow, maxFrame)
		if n <= 0 {
			return nil
		}
		f := frame{kind: frameData, stream: 1, payload: h.unsent[:n]}
		if n == int64(len(h.unsent)) {
			f.flags = flagEndStream
		}
		if err := h.write(nil, f); err != nil {
			return err
		}
		h.unsent = h.unsent[n:]
		h.connWindow -= n
		h.streamWindow -= n
	}
	return nil
}

// read returns the next frame.
func (h *h2) read() (frame, error) {
	var head [9]byte
	if _, err := io.ReadFull(h.in, head[:]); err != nil {
		return frame{}, asUnexpected(err)
	}
	length := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
	if length > maxFrame {
		return frame{}, otherProtocol(head[:])
	}
	f := frame{kind: head[3], flags: head[4], stream: binary.BigEndian.Uint32(head[5:]) & windowMax, payload: h.payload[:length]}
	_, err := io.ReadFull(h.in, f.payload)
	return f, asUnexpected(err)
}

// write sends one frame, behind a prefix, in one write.
func (h *h2) write(prefix []byte, f frame) error {
	n := len(f.payload)
	b := append(prefix, byte(n>>16), byte(n>>8), byte(n), f.kind, f.flags)
	b = binary.BigEndian.AppendUint32(b, f.stream)
	_, err := h.out.Write(append(b, f.payload...))
	return err
}

// handle takes one frame into account.
func (h *h2) handle(f frame) error {
	if h.inHeaders && (f.kind != frameContinuation || f.stream != 1) {
		return errFrame
	}
	switch f.kind {
	case frameSettings:
		return h.settings(f)
	case framePing:
		return h.ping(f)
	case frameWindow:
		return h.window(f)
	case frameGoAway:
		return goAway(f)
	case framePush:
		return errFrame
	}
	if f.kind > frameContinuation {
		return nil // unknown frames are ignored (section 4.1)
	}
	if f.stream != 1 {
		if f.kind == frameData || f.kind == frameHeaders {
			return errFrame
		}
		return nil
	}
	switch f.kind {
	case frameData:
		return h.data(f)
	case frameHeaders:
		return h.headersFrame(f)
	case frameContinuation:
		return h.continuation(f)
	case frameReset:
		return h.reset(f)
	}
	return nil
}

// settings applies the server's settings and acknowledges them.
func (h *h2) settings(f frame) error {
	if f.flags&flagAck != 0 {
		return nil
	}
	if len(f.payload)%6 != 0 || f.stream != 0 {
		return errFrame
	}
	for p := f.payload; len(p) > 0; p = p[6:] {
		const initialWindowSize = 4
		if binary.BigEndian.Uint16(p) != initialWindowSize {
			continue
		}
		size := int64(binary.BigEndian.Uint32(p[2:]))
		if size > windowMax {
			return errFrame
		}
		h.streamWindow += size - h.initialWindow
		h.initialWindow = size
	}
	return h.write(nil, frame{kind: frameSettings, flags: flagAck})
}

func (h *h2) ping(f frame) error {
	if len(f.payload) != 8 || f.stream != 0 {
		return errFrame
	}
	if f.flags&flagAck != 0 {
		return nil
	}
	return h.write(nil, frame{kind: framePing, flags: flagAck, payload: f.payload})
}

func (h *h2) window(f frame) error {
	if len(f.payload) != 4 {
		return errFrame
	}
	n := int64(binary.BigEndian.Uint32(f.payload) & windowMax)
	if n == 0 {
		return errFrame
	}
	switch f.stream {
	case 0:
		h.connWindow += n
	case 1:
		h.streamWindow += n
	}
	if h.connWindow > windowMax || h.streamWindow > windowMax {
		return errFrame
	}
	return nil
}

// goAway fails when the server will not answer stream 1 any more.
func goAway(f frame) error {
	if len(f.payload) < 8 || f.stream != 0 {
		return errFrame
	}
	last, code := binary.BigEndian.Uint32(f.payload)&windowMax, binary.BigEndian.Uint32(f.payload[4:])
	if last >= 1 && code == 0 {
		return nil
	}
	return errors.New("the server closed the connection (GOAWAY " + strconv.FormatUint(uint64(code), 10) + " " + strconv.Quote(oneLine(string(f.payload[8:]))) + ")")
}

func (h *h2) reset(f frame) error {
	if len(f.payload) != 4 {
		return errFrame
	}
	return errors.New("the server reset the call (RST_STREAM " + strconv.FormatUint(uint64(binary.BigEndian.Uint32(f.payload)), 10) + ")")
}

// unpad removes the padding of a DATA or HEADERS frame.
func unpad(f frame) ([]byte, error) {
	p := f.payload
	if f.flags&flagPadded == 0 {
		return p, nil
	}
	if len(p) == 0 || int(p[0]) >= len(p) {
		return nil, errFrame
	}
	return p[1 : len(p)-int(p[0])], nil
}

func (h *h2) data(f frame) error {
	p, err := unpad(f)
	if err != nil {
		return err
	}
	if len(h.reply.body)+len(p) > maxMessage {
		return errTooMuch
	}
	h.reply.body = append(h.reply.body, p...)
	h.done = f.flags&flagEndStream != 0
	return nil
}

func (h *h2) headersFrame(f frame) error {
	p, err := unpad(f)
	if err != nil {
		return err
	}
	if f.flags&flagPriority != 0 {
		if len(p) < 5 {
			return errFrame
		}
		p = p[5:]
	}
	h.headers = append(h.headers[:0], p...)
	h.inHeaders, h.headersEnd = true, f.flags&flagEndStream != 0
	return h.endHeaders(f)
}

func (h *h2) continuation(f frame) error {
	if !h.inHeaders || len(h.headers)+len(f.payload) > maxHeaders {
		return errFrame
	}
	h.headers = append(h.headers, f.payload...)
	return h.endHeaders(f)
}

// endHeaders decodes the gathered header block when f completes it.
func (h *h2) endHeaders(f frame) error {
	if f.flags&flagEndHeaders == 0 {
		return nil
	}
	h.inHeaders = false
	h.decoder.SetMaxStringLength(maxHeaders)
	var problem error
	h.decoder.SetEmitFunc(func(e hpack.HeaderField) {
		if err := h.header(e.Name, e.Value); err != nil && problem == nil {
			problem = err
		}
	})
	if _, err := h.decoder.Write(h.headers); err != nil {
		return err
	}
	if err := h.decoder.Close(); err != nil {
		return err
	}
	h.done = h.headersEnd
	return problem
}

// header keeps the few headers and trailers that matter.
func (h *h2) header(name, value string) error {
	switch name {
	case ":status":
		h.reply.httpStatus = value
	case "grpc-status":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return errors.New("malformed grpc-status " + strconv.Quote(oneLine(value)))
		}
		h.reply.grpcStatus = n
	case "grpc-message":
		if text, err := url.PathUnescape(value); err == nil {
			value = text
		}
		h.reply.grpcMessage = value
	}
	return nil
}
