package quota

import (
	"archive/tar"
	"bytes"
	"io"
)

// Tar passes a tar stream on as long as its entries fit: the bytes of a header are
// read by nobody before its size was taken. It reads as archive/tar does, with which
// the entries must be unpacked: a sparse file counts in full, since its holes are
// written too. What is no archive is passed on for the unpacking to refuse; it counts
// as well, and so does what follows the end of the archive.
//
//	_, err := archive.Apply(ctx, dir, quota.New(20e9).Tar(layer))
func (q *Quota) Tar(stream io.Reader) io.Reader {
	t := &tarStream{quota: q, source: stream}
	t.entries = tar.NewReader(io.TeeReader(stream, &t.seen))
	t.buf = make([]byte, 64<<10)
	return t
}

// tarStream reads entries itself and hands out the bytes that it read for them.
type tarStream struct {
	quota   *Quota
	source  io.Reader
	entries *tar.Reader
	seen    bytes.Buffer // read from source, not handed out
	buf     []byte
	inEntry bool
	ended   bool  // of the entries
	err     error // after seen
}

// Read implements io.Reader.
func (t *tarStream) Read(p []byte) (int, error) {
	for t.seen.Len() == 0 {
		if t.err != nil {
			return 0, t.err
		}
		if t.ended {
			n, err := t.source.Read(p)
			if n > 0 && t.quota.limit > 0 {
				if t.quota.left -= int64(n); t.quota.left < 0 {
					return 0, &Exceeded{t.quota.limit}
				}
			}
			return n, err
		}
		t.step()
	}
	return t.seen.Read(p)
}

// step reads a header, or a part of its entry.
func (t *tarStream) step() {
	if t.inEntry {
		_, err := t.entries.Read(t.buf)
		t.inEntry, t.ended = err == nil, err != nil && err != io.EOF
		return
	}
	header, err := t.entries.Next()
	if err != nil {
		t.ended = true
		return
	}
	t.inEntry = true
	if t.err = t.quota.Take(header.Size); t.err != nil {
		t.seen.Reset()
	}
}
