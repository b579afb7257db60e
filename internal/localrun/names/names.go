// Package names answers the DNS questions of containers: the names of a group's
// services itself, everything else with the answers of this machine's name
// servers, which it asks from the machine's network, so that one on the machine's
// loopback works too. It caches nothing, and its memory is bounded whatever is
// sent to it.
//
//	r := &names.Resolver{Zone: zone, Servers: names.System()}
//	r.Serve(ctx, udp, tcp) // until both are closed
package names

import (
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// ttl is how long a client may keep an address of a service, in seconds. It is
// short because a group that is started again may have other addresses.
const ttl = 5

// Zone has the names that a group answers for itself.
type Zone struct {
	addresses map[string]netip.Addr // by name in lower case, without the dot at the end
	pointers  map[string]string     // names by that of their address, such as "2.0.0.10.in-addr.arpa"
}

// Add gives an IPv4 address to names; the first is the one that the address is
// looked up as.
func (z *Zone) Add(ip netip.Addr, names ...string) {
	if z.addresses == nil {
		z.addresses, z.pointers = map[string]netip.Addr{}, map[string]string{}
	}
	for i, name := range names {
		z.addresses[strings.ToLower(name)] = ip
		if i == 0 {
			z.pointers[reverse(ip)] = name
		}
	}
}

// reverse is the name of an IPv4 address (RFC 1035, section 3.5).
func reverse(ip netip.Addr) string {
	b := ip.As4()
	return netip.AddrFrom4([4]byte{b[3], b[2], b[1], b[0]}).String() + ".in-addr.arpa"
}

// question is the one question of a query.
type question struct {
	header dnsmessage.Header
	dnsmessage.Question
}

// parse reads a query. Without an error code it is one to answer; drop is for
// what no answer may be sent to.
func parse(msg []byte) (q question, code dnsmessage.RCode, drop bool) {
	var p dnsmessage.Parser
	var err error
	if q.header, err = p.Start(msg); err != nil || q.header.Response {
		return q, 0, true
	}
	if q.header.OpCode != 0 {
		return q, dnsmessage.RCodeNotImplemented, false
	}
	if q.Question, err = p.Question(); err != nil {
		return q, dnsmessage.RCodeFormatError, false
	}
	if _, err = p.Question(); err != dnsmessage.ErrSectionDone { //nolint:errorlint // it is returned as it is
		return q, dnsmessage.RCodeFormatError, false
	}
	return q, dnsmessage.RCodeSuccess, false
}

// answer is the response of the zone; nil when the name is not in it. A name
// that is in it exists: it has no address but that of IPv4.
func (z *Zone) answer(q question) []byte {
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	ip, known := z.addresses[name]
	pointer, reversed := z.pointers[name]
	if q.Class != dnsmessage.ClassINET || !known && !reversed {
		return nil
	}
	return respond(q, dnsmessage.RCodeSuccess, func(b *dnsmessage.Builder) error {
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: ttl}
		switch {
		case known && (q.Type == dnsmessage.TypeA || q.Type == dnsmessage.TypeALL):
			return b.AResource(head, dnsmessage.AResource{A: ip.As4()})
		case reversed && (q.Type == dnsmessage.TypePTR || q.Type == dnsmessage.TypeALL):
			target, err := dnsmessage.NewName(pointer + ".")
			if err != nil {
				return err
			}
			return b.PTRResource(head, dnsmessage.PTRResource{PTR: target})
		}
		return nil
	})
}

// respond makes a response; add puts the answers into it and may be nil.
func respond(q question, code dnsmessage.RCode, add func(*dnsmessage.Builder) error) []byte {
	b := dnsmessage.NewBuilder(make([]byte, 0, 256), dnsmessage.Header{
		ID: q.header.ID, Response: true, OpCode: q.header.OpCode, Authoritative: code == dnsmessage.RCodeSuccess,
		RecursionDesired: q.header.RecursionDesired, RecursionAvailable: true, RCode: code,
	})
	b.EnableCompression()
	if q.Name.Length > 0 {
		if b.StartQuestions() != nil || b.Question(q.Question) != nil {
			return nil
		}
	}
	if add != nil {
		if b.StartAnswers() != nil || add(&b) != nil {
			return nil
		}
	}
	msg, err := b.Finish()
	if err != nil {
		return nil
	}
	return msg
}
