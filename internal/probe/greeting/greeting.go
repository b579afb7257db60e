// Package greeting asks servers in their own protocols whether they take clients:
// databases, caches, queues and mail. It logs in nowhere, sends nothing that changes
// anything, and bounds time and memory whatever the server sends.
//
//	err := greeting.Ask(ctx, "postgres", "10.0.0.2:5432", time.Second)
package greeting

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/probe"
)

// Protocols lists those that Ask speaks.
func Protocols() []string {
	return []string{"amqp", "memcached", "mongodb", "mysql", "postgres", "redis", "smtp"}
}

// Ask succeeds when a server at "host:port" answers in its own protocol that it takes
// clients: a port that accepts connections says less, because PostgreSQL and others
// listen before they serve. Its errors are those of package probe.
func Ask(ctx context.Context, protocol, addr string, timeout time.Duration) error {
	if !slices.Contains(Protocols(), protocol) {
		return &probe.Failure{Kind: probe.BadTarget, Text: "unknown protocol " + protocol}
	}
	deadline := time.Now().Add(timeout)
	conn, err := (&net.Dialer{Deadline: deadline}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return &probe.Failure{Kind: probe.NoConnect, Text: "connecting to " + addr, Err: err}
	}
	defer conn.Close()
	_ = conn.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := greet(protocol, conn); err != nil {
		return &probe.Failure{Kind: probe.NotReady, Text: "the server at " + addr + " does not serve " + protocol + " yet", Err: err}
	}
	return nil
}

func greet(protocol string, conn net.Conn) error {
	switch protocol {
	case "postgres":
		return greetPostgres(conn)
	case "mysql":
		return greetMySQL(conn)
	case "redis":
		return expect(conn, "*1\r\n$4\r\nPING\r\n", "+PONG", "-NOAUTH")
	case "memcached":
		return expect(conn, "version\r\n", "VERSION ")
	case "smtp":
		return expect(conn, "", "220")
	case "amqp":
		return greetAMQP(conn)
	default:
		return greetMongoDB(conn)
	}
}

// maxGreeting bounds what is read of a server.
const maxGreeting = 16 << 10

// expect sends words and compares the beginning of the first line of the answer.
func expect(conn net.Conn, send string, want ...string) error {
	if send != "" {
		if _, err := io.WriteString(conn, send); err != nil {
			return err
		}
	}
	line, err := bufio.NewReaderSize(io.LimitReader(conn, maxGreeting), 512).ReadString('\n')
	if slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(line, w) }) {
		return nil
	}
	if line == "" {
		return err
	}
	return fmt.Errorf("it answers %q", diag.Printable(strings.TrimSpace(line)))
}

// greetPostgres sends a startup message for a user that need not exist (PostgreSQL
// documentation, section 54.7). A server that takes clients asks for a password or
// names what is wrong with the login; one that starts answers with SQLSTATE 57P03.
func greetPostgres(conn net.Conn) error {
	body := binary.BigEndian.AppendUint32(nil, 3<<16)
	body = append(body, "user\x00slipway\x00database\x00postgres\x00\x00"...)
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4)), body...)); err != nil {
		return err
	}
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	if head[0] == 'R' { // it asks for authentication
		return nil
	}
	size := binary.BigEndian.Uint32(head[1:])
	if head[0] != 'E' || size < 4 || size > maxGreeting {
		return errors.New("its answer is not of PostgreSQL")
	}
	text := make([]byte, size-4)
	if _, err := io.ReadFull(conn, text); err != nil {
		return err
	}
	state, message := "", ""
	for field := range strings.SplitSeq(string(text), "\x00") {
		switch {
		case strings.HasPrefix(field, "C"):
			state = field[1:]
		case strings.HasPrefix(field, "M"):
			message = field[1:]
		}
	}
	if strings.HasPrefix(state, "57") || strings.HasPrefix(state, "53") { // it starts, stops or is full
		return errors.New(diag.Printable(strings.TrimSpace(message)))
	}
	return nil
}

// greetMySQL reads the first packet, in which a server that takes clients names its
// protocol, 10, and one that does not its error (MySQL client/server protocol,
// "Connection Phase").
func greetMySQL(conn net.Conn) error {
	var head [5]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	switch head[4] {
	case 10:
		return nil
	case 0xff:
		rest, _ := io.ReadAll(io.LimitReader(conn, 512))
		return errors.New(diag.Printable(strings.TrimSpace(string(rest[min(2, len(rest)):]))))
	}
	return errors.New("its greeting is not of MySQL")
}

// greetAMQP offers AMQP 0-9-1, to which a broker answers with the method
// connection.start on channel 0 (specification, section 4.2).
func greetAMQP(conn net.Conn) error {
	if _, err := io.WriteString(conn, "AMQP\x00\x00\x09\x01"); err != nil {
		return err
	}
	var head [11]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	if head[0] != 1 || binary.BigEndian.Uint16(head[1:]) != 0 || binary.BigEndian.Uint32(head[7:]) != 10<<16|10 {
		return errors.New("its answer is not of AMQP 0-9-1")
	}
	return nil
}

// greetMongoDB sends the command hello as OP_MSG (MongoDB wire protocol): a document
// with {hello: 1, $db: "admin"}.
func greetMongoDB(conn net.Conn) error {
	document := []byte("\x10hello\x00\x01\x00\x00\x00\x02$db\x00\x06\x00\x00\x00admin\x00\x00")
	document = append(binary.LittleEndian.AppendUint32(nil, uint32(len(document)+4)), document...)
	body := append([]byte{0, 0, 0, 0, 0}, document...) // flags, and a section of one document
	const opMsg = 2013
	message := binary.LittleEndian.AppendUint32(nil, uint32(len(body)+16))
	for _, n := range []uint32{1, 0, opMsg} {
		message = binary.LittleEndian.AppendUint32(message, n)
	}
	if _, err := conn.Write(append(message, body...)); err != nil {
		return err
	}
	var head [16]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(head[8:]) != 1 || binary.LittleEndian.Uint32(head[12:]) != opMsg {
		return errors.New("its answer is not of MongoDB")
	}
	return nil
}
