package testreport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"unicode/utf8"
)

// keyed recognises a JSON object by one of its keys.
func keyed(names ...string) func(*intake) bool {
	return func(in *intake) bool {
		return slices.ContainsFunc(in.keys(), func(k string) bool { return slices.Contains(names, k) })
	}
}

// keys are the first keys of the object that the content is.
func (in *intake) keys() []string {
	if !bytes.HasPrefix(bytes.TrimSpace(in.head()), []byte("{")) {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(in.content[:min(len(in.content), searched)]))
	var out []string
	depth, key := 0, false
	for len(out) < 20 {
		t, err := d.Token()
		if err != nil {
			return out
		}
		switch delim, isDelim := t.(json.Delim); {
		case isDelim && (delim == '{' || delim == '['):
			depth++
			key = depth == 1
		case isDelim:
			depth--
			if key = depth == 1; depth == 0 {
				return out
			}
		case depth == 1 && key:
			out = append(out, t.(string))
			key = false
		case depth == 1:
			key = true
		}
	}
	return out
}

// quiet blanks lines that a program printed before its JSON, in a file that should
// have nothing else.
func (in *intake) quiet() {
	if path.Ext(in.file) != ".json" {
		return
	}
	if start := bytes.TrimSpace(in.head()); bytes.HasPrefix(start, []byte("{")) || bytes.HasPrefix(start, []byte("[")) {
		return
	}
	at := bytes.Index(in.content, []byte("\n{"))
	if at < 0 {
		return
	}
	blank := bytes.Repeat([]byte("\n"), 1+bytes.Count(in.content[:at], []byte("\n")))
	in.content = append(blank, in.content[at+1:]...)
}

// document reads a JSON value in steps, so that what comes before a mistake counts.
type document struct {
	*json.Decoder
	content []byte
}

func (in *intake) document() document {
	content := in.content
	if !utf8.Valid(content) {
		content = bytes.ToValidUTF8(content, []byte("\uFFFD"))
	}
	return document{json.NewDecoder(bytes.NewReader(content)), content}
}

// whole runs read, then gives a mistake its line.
func (d document) whole(read func() error) error {
	err := read()
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		if err == nil {
			err = errors.New("something follows the end of the report")
		}
	}
	var known broken
	if errors.As(err, &known) && known.line > 0 {
		return err
	}
	line := 1 + bytes.Count(d.content[:min(len(d.content), int(d.InputOffset()))], []byte("\n"))
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault(1+bytes.Count(bytes.TrimSpace(d.content), []byte("\n")), "the file ends in the middle")
	}
	if errors.As(err, &known) {
		known.line = line
		return known
	}
	return fault(line, "%s", err)
}

// object calls a function for each key that has one, and skips the others.
func (d document) object(keys func(key string) func() error) error {
	if err := d.open('{'); err != nil {
		return err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if read := keys(key); read != nil {
			err = read()
		} else {
			err = d.skip()
		}
		if err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// array calls a function for each element.
func (d document) array(element func() error) error {
	if err := d.open('['); err != nil {
		return err
	}
	for d.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func (d document) open(want json.Delim) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != want {
		return fault(0, "%v where %q should begin", t, want.String())
	}
	return nil
}

func (d document) skip() error {
	var unused json.RawMessage
	return d.Decode(&unused)
}
