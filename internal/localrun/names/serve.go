package names

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	maxQuery    = 4 << 10          // of UDP; a query is one name
	maxMessage  = 64<<10 - 1       // of TCP, and of what name servers send
	maxAtOnce   = 128              // questions of a container that wait for a name server
	maxConns    = 32               // of TCP, of a container
	idle        = 10 * time.Second // of a TCP connection
	serverTime  = 2 * time.Second  // for one name server; clients ask again after five
	maxTries    = 3                // name servers that are asked
	acceptPause = 10 * time.Millisecond
)

// Resolver answers the questions that arrive at its sockets. It is safe for
// concurrent use.
type Resolver struct {
	Zone    Zone                    // complete before Serve
	Servers func() []netip.AddrPort // to ask for other names, in turn
	dial    func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error)
}

// Serve answers until both sockets are closed. Answers of name servers are
// waited for as long as ctx lasts.
func (r *Resolver) Serve(ctx context.Context, udp net.PacketConn, tcp net.Listener) {
	var both sync.WaitGroup
	both.Go(func() { r.serveUDP(ctx, udp) })
	both.Go(func() { r.serveTCP(ctx, tcp) })
	both.Wait()
}

func (r *Resolver) serveUDP(ctx context.Context, conn net.PacketConn) {
	ctx, cancel := context.WithCancel(ctx)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer cancel()
	slots := make(chan struct{}, maxAtOnce)
	buf := make([]byte, maxQuery)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		msg, ask := r.local(buf[:n])
		if !ask {
			if msg != nil {
				_, _ = conn.WriteTo(msg, from)
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			continue // the client asks again
		}
		query := append([]byte(nil), buf[:n]...)
		waiting.Go(func() {
			defer func() { <-slots }()
			if msg := r.forward(ctx, "udp", query); msg != nil {
				_, _ = conn.WriteTo(msg, from)
			}
		})
	}
}

func (r *Resolver) serveTCP(ctx context.Context, l net.Listener) {
	ctx, cancel := context.WithCancel(ctx)
	var open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	slots := make(chan struct{}, maxConns)
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(acceptPause)
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		open.Go(func() {
			defer func() { <-slots }()
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer conn.Close()
			r.converse(ctx, conn)
		})
	}
}

// converse answers the questions of a TCP connection, one after the other.
func (r *Resolver) converse(ctx context.Context, conn net.Conn) {
	for {
		_ = conn.SetDeadline(time.Now().Add(idle))
		query, err := readTCP(conn)
		if err != nil {
			return
		}
		msg, ask := r.local(query)
		if ask {
			_ = conn.SetDeadline(time.Now().Add(idle + maxTries*serverTime))
			msg = r.forward(ctx, "tcp", query)
		}
		if msg == nil || writeTCP(conn, msg) != nil {
			return
		}
	}
}

// local answers what needs no other name server; ask says that it does.
func (r *Resolver) local(query []byte) (msg []byte, ask bool) {
	q, code, drop := parse(query)
	switch {
	case drop:
		return nil, false
	case code != dnsmessage.RCodeSuccess:
		return respond(q, code, nil), false
	}
	msg = r.Zone.answer(q)
	return msg, msg == nil
}

// forward asks the machine's name servers in turn, and answers that it failed
// when none of them has an answer.
func (r *Resolver) forward(ctx context.Context, network string, query []byte) []byte {
	refused := []byte(nil)
	for i, server := range r.Servers() {
		if i == maxTries || ctx.Err() != nil {
			break
		}
		msg, err := r.exchange(ctx, network, server, query)
		if err != nil {
			continue
		}
		switch code := dnsmessage.RCode(msg[3] & 0xf); code {
		case dnsmessage.RCodeServerFailure, dnsmessage.RCodeNotImplemented, dnsmessage.RCodeRefused:
			refused = msg // another one may know more
		default:
			return msg
		}
	}
	if refused != nil {
		return refused
	}
	q, _, _ := parse(query)
	return respond(q, dnsmessage.RCodeServerFailure, nil)
}

// exchange asks one name server. The response has the question's ID and name,
// else it is that to another question.
func (r *Resolver) exchange(ctx context.Context, network string, server netip.AddrPort, query []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, serverTime)
	defer cancel()
	dial := r.dial
	if dial == nil {
		dial = func(ctx context.Context, network string, server netip.AddrPort) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.String())
		}
	}
	conn, err := dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if network == "tcp" {
		if err := writeTCP(conn, query); err != nil {
			return nil, err
		}
		msg, err := readTCP(conn)
		if err == nil && !matches(query, msg) {
			err = errors.New("the name server answered another question")
		}
		return msg, err
	}
	if _, err := conn.Write(query); err != nil {
		return nil, err
	}
	buf := make([]byte, maxMessage)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		if matches(query, buf[:n]) {
			return buf[:n], nil
		}
	}
}

// matches reports whether a message is the response to a query.
func matches(query, msg []byte) bool {
	var p dnsmessage.Parser
	header, err := p.Start(msg)
	if err != nil || !header.Response {
		return false
	}
	asked, _, _ := parse(query)
	if header.ID != asked.header.ID {
		return false
	}
	q, err := p.Question()
	if err != nil { // a server that failed may leave the question out
		return header.RCode != dnsmessage.RCodeSuccess
	}
	return q.Type == asked.Type && q.Class == asked.Class && strings.EqualFold(q.Name.String(), asked.Name.String())
}

// readTCP reads a message behind its length (RFC 1035, section 4.2.2).
func readTCP(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	msg := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(r, msg)
	return msg, err
}

func writeTCP(w io.Writer, msg []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(make([]byte, 0, len(msg)+2), uint16(len(msg))), msg...))
	return err
}
