package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/slipway-build/slipway/internal/netns"
)

// Names answers pods that ask for the addresses of Services, as the DNS of a cluster does,
// until the end of the context. Other names do not exist.
func (c *Cluster) Names(ctx context.Context) error {
	ns, err := os.Open(c.Network)
	if err != nil {
		return err
	}
	defer ns.Close()
	var conn net.PacketConn
	if err := netns.Inside(ns, func() (err error) {
		conn, err = net.ListenPacket("udp", net.JoinHostPort(nodeIP, "53"))
		return err
	}); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	context.AfterFunc(ctx, func() {
		_ = conn.Close()
		client.CloseIdleConnections()
	})
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return // closed
			}
			if answer := answerName(ctx, client, buf[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return nil
}

// answerName answers one question; nil when it is none.
func answerName(ctx context.Context, client *http.Client, question []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(question) != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	m = dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionDesired: m.RecursionDesired, RecursionAvailable: true}, Questions: m.Questions}
	service, known := strings.CutSuffix(q.Name.String(), ".svc.cluster.local.")
	name, namespace, _ := strings.Cut(service, ".")
	ip := netip.Addr{}
	if known {
		ip = addressOf(ctx, client, namespace, name)
	}
	switch {
	case !ip.Is4():
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 5}
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: ip.As4()}}}
	}
	answer, err := m.Pack()
	if err != nil {
		return nil
	}
	return answer
}

// addressOf is that of a Service; the zero one when there is none.
func addressOf(ctx context.Context, client *http.Client, namespace, name string) netip.Addr {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1:6443/api/v1/namespaces/"+namespace+"/services/"+name, nil)
	if err != nil {
		return netip.Addr{}
	}
	res, err := client.Do(req)
	if err != nil {
		return netip.Addr{}
	}
	defer res.Body.Close()
	var found struct{ Spec struct{ ClusterIP string } }
	if json.NewDecoder(res.Body).Decode(&found) != nil {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(found.Spec.ClusterIP)
	return ip
}
