package host

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
)

// openTime is how long the open requests, WebSockets and streams of a host that was
// replaced may go on.
const openTime = time.Hour

// filer is a listener of the kernel.
type filer interface{ File() (*os.File, error) }

// handOver gives the listeners to another process, which is to be the host from now on.
// What is being started, stopped and drained is finished first. This process goes on with
// the requests that it has, and takes no new ones.
func (h *Host) handOver(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	taken := h.leaving
	h.mu.Unlock()
	if taken {
		reply(w, nil, leaving())
		return
	}
	successor, err := strconv.Atoi(r.URL.Query().Get("process"))
	if err != nil {
		reply(w, nil, diag.Fail(diag.ExitUsage, "a process that takes over says its number").Because(err))
		return
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		reply(w, nil, err)
		return
	}
	defer conn.Close()
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return
	}
	h.mu.Lock()
	h.leaving = true
	h.mu.Unlock()
	h.work.Wait() // it takes the lock at its end
	h.mu.Lock()
	err = h.pass(unix)
	if h.leaving = err == nil; h.leaving {
		h.successor = successor
		close(h.handed)
	}
	h.mu.Unlock()
	if err != nil {
		h.opts.Note("another process could not take over: " + err.Error())
	}
}

func leaving() error {
	return diag.Fail(diag.ExitRun, "another process is taking over this host").WithHint("try again in a moment")
}

// pass sends the listeners: a line with their addresses, and their files.
func (h *Host) pass(to *net.UnixConn) error {
	var addrs []string
	var files []*os.File
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	for name, l := range h.listeners {
		f, ok := l.(filer)
		if !ok {
			return fmt.Errorf("the listener of %s has no file", name)
		}
		file, err := f.File()
		if err != nil {
			return err
		}
		addrs, files = append(addrs, l.Addr().String()), append(files, file)
	}
	data, err := json.Marshal(addrs)
	if err != nil {
		return err
	}
	if _, err := to.Write(append(data, '\n')); err != nil {
		return err
	}
	for _, f := range files { // the kernel passes few at once
		if _, _, err := to.WriteMsgUnix([]byte{'f'}, rights(f), nil); err != nil {
			return err
		}
	}
	return nil
}

// leave ends a host that was replaced: with its last request.
func (h *Host) leave(ctx context.Context) error {
	end, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	if h.opts.Left != nil {
		h.opts.Left(h.successor)
	}
	return h.proxy.Close(end)
}

// Inherit asks the host at the other end of a connection for its listeners, by their
// addresses, and to leave. The caller is the host when the other one has let go of its
// lock.
func Inherit(conn *net.UnixConn) (_ map[string]net.Listener, err error) {
	out := map[string]net.Listener{}
	defer func() {
		if err != nil {
			for _, l := range out {
				err = errors.Join(err, l.Close())
			}
		}
	}()
	if _, err := fmt.Fprintf(conn, "POST /v1/handover?process=%d HTTP/1.1\r\nHost: host\r\nContent-Length: 0\r\n\r\n", os.Getpid()); err != nil {
		return nil, err
	}
	line, err := bufio.NewReaderSize(oneByOne{conn}, 16).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the other host does not answer: %w", err)
	}
	var addrs []string
	if err := json.Unmarshal([]byte(line), &addrs); err != nil {
		return nil, fmt.Errorf("the other host answers %q", line)
	}
	for _, addr := range addrs {
		f, err := readRights(conn)
		if err != nil {
			return out, err
		}
		l, err := net.FileListener(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return out, err
		}
		out[addr] = l
	}
	return out, nil
}

// oneByOne reads a byte at a time, so that nothing of the messages with files is read with
// the line before them.
type oneByOne struct{ *net.UnixConn }

func (o oneByOne) Read(p []byte) (int, error) { return o.UnixConn.Read(p[:1]) }
