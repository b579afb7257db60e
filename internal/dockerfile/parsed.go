package dockerfile

import (
	"bytes"
	"sync"
)

// Parsed hands Dockerfiles from who reads them first, such as a plan, to who reads them
// next, such as the build of it, by name and text. Each is handed over once, as a File is
// not for several users at once. The zero value is empty, a nil Parsed keeps nothing, and
// it is safe for concurrent use.
type Parsed struct{ files sync.Map } // name → readText

type readText struct {
	text []byte
	file File
}

// Keep keeps a File that Read made of a text, for the next Read of it.
func (p *Parsed) Keep(name string, text []byte, file File) {
	if p != nil {
		p.files.Store(name, readText{text, file})
	}
}

// Read is as the function Read, and parses only what is not kept.
func (p *Parsed) Read(name string, text []byte) (File, error) {
	if p != nil {
		if k, ok := p.files.LoadAndDelete(name); ok && bytes.Equal(k.(readText).text, text) {
			return k.(readText).file, nil
		}
	}
	return Read(name, text)
}
