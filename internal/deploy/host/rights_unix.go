//go:build unix

package host

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// rights is the control message that passes a file.
func rights(f *os.File) []byte { return syscall.UnixRights(int(f.Fd())) }

// readRights reads a message with one file.
func readRights(conn *net.UnixConn) (*os.File, error) {
	data, control := make([]byte, 1), make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := conn.ReadMsgUnix(data, control)
	if err != nil {
		return nil, fmt.Errorf("reading a listener: %w", err)
	}
	messages, err := syscall.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(errors.New("a message without a listener"), err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(errors.New("a message without a listener"), err)
	}
	syscall.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "listener"), nil
}
