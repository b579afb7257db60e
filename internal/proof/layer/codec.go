package layer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// format names the encoding; what is kept by another slipway is made anew. It
// changes with whatever is read of a file.
const format = "slipway layer index 6\n"

// errDamaged says that data is no index.
var errDamaged = errors.New("not an index of a layer")

// Encode returns the index as bytes: the entries in a compact form, the facts as
// JSON.
func (x *Index) Encode() ([]byte, error) {
	facts, err := json.Marshal(x.Facts)
	if err != nil {
		return nil, fmt.Errorf("encoding the index of a layer: %w", err)
	}
	out := bytes.NewBufferString(format)
	number := func(n uint64) { out.Write(binary.AppendUvarint(nil, n)) }
	word := func(s string) { number(uint64(len(s))); out.WriteString(s) }
	number(uint64(x.Bytes))
	number(uint64(len(x.Entries)))
	before := ""
	for _, e := range x.Entries {
		shared := 0
		for shared < min(len(before), len(e.Path)) && before[shared] == e.Path[shared] {
			shared++
		}
		number(uint64(shared))
		word(e.Path[shared:])
		number(uint64(e.Kind))
		number(uint64(e.Mode))
		number(uint64(e.UID))
		number(uint64(e.GID))
		number(uint64(e.Size))
		word(e.Link)
		if e.Kind == Regular {
			out.Write(e.SHA256[:])
		}
		before = e.Path
	}
	word(string(facts))
	return out.Bytes(), nil
}

// Decode reads what Encode wrote.
func Decode(data []byte) (*Index, error) {
	rest, ok := bytes.CutPrefix(data, []byte(format))
	if !ok {
		return nil, errDamaged
	}
	d := &decoder{rest: rest}
	x := &Index{Bytes: int64(d.number())}
	count := d.number()
	if count > uint64(len(rest)) { // an entry has several bytes
		return nil, errDamaged
	}
	x.Entries = make([]Entry, 0, count)
	before := ""
	for range count {
		shared := d.number()
		if shared > uint64(len(before)) {
			return nil, errDamaged
		}
		e := Entry{Path: before[:shared] + string(d.word())}
		e.Kind, e.Mode, e.UID, e.GID, e.Size = Kind(d.number()), uint16(d.number()), uint32(d.number()), uint32(d.number()), int64(d.number())
		e.Link = string(d.word())
		if e.Kind == Regular {
			copy(e.SHA256[:], d.bytes(len(e.SHA256)))
		}
		if d.bad || e.Kind > Opaque || e.Size < 0 {
			return nil, errDamaged
		}
		x.Entries = append(x.Entries, e)
		before = e.Path
	}
	if err := json.Unmarshal(d.word(), &x.Facts); err != nil || d.bad {
		return nil, errDamaged
	}
	return x, nil
}

// decoder reads numbers and words one after another.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.rest)
	if size <= 0 {
		d.bad, d.rest = true, nil
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) word() []byte { return d.bytes(int(min(d.number(), 1<<40))) }

func (d *decoder) bytes(n int) []byte {
	if n > len(d.rest) {
		d.bad = true
		return nil
	}
	out := d.rest[:n]
	d.rest = d.rest[n:]
	return out
}
