package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/slipway-build/slipway/internal/cli"
	"github.com/slipway-build/slipway/internal/plan"
)

// normalised writes the last output, which must be one JSON value, to out.json:
// indented, the fields in their order, and with words for what differs from run
// to run. Fields that differ from machine to machine can be left out:
//
//	json -drop found,ok
//	cmp out.json want.json
func normalised(ts *testscript.TestScript, neg bool, args []string) {
	n := normaliser{words: map[string]string{ts.Getenv("WORK"): "$WORK", cli.Version: "<version>", plan.Host(): "<host>"}, drop: map[string]bool{}}
	if len(args) == 2 && args[0] == "-drop" {
		for _, key := range strings.Split(args[1], ",") {
			n.drop[key] = true
		}
	} else if neg || len(args) > 0 {
		ts.Fatalf("usage: json [-drop KEY,…]")
	}
	n.in = json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	n.in.UseNumber()
	ts.Check(n.value("", ""))
	if _, err := n.in.Token(); !errors.Is(err, io.EOF) {
		ts.Fatalf("there is text after the JSON: %v", err)
	}
	n.out.WriteByte('\n')
	ts.Check(os.WriteFile(ts.MkAbs("out.json"), n.out.Bytes(), 0o600))
}

// normaliser copies a JSON value, token by token.
type normaliser struct {
	in    *json.Decoder
	out   bytes.Buffer
	words map[string]string
	drop  map[string]bool // keys
}

// value copies one value of a field.
func (n *normaliser) value(key, indent string) error {
	token, err := n.in.Token()
	if err != nil {
		return err
	}
	open, ok := token.(json.Delim)
	if !ok {
		n.out.WriteString(n.scalar(key, token))
		return nil
	}
	n.out.WriteString(open.String())
	sep := "\n"
	for n.in.More() {
		name := key
		if open == '{' {
			token, err := n.in.Token()
			if err != nil {
				return err
			}
			if name = fmt.Sprint(token); n.drop[name] {
				if err := n.in.Decode(new(json.RawMessage)); err != nil {
					return err
				}
				continue
			}
		}
		n.out.WriteString(sep + indent + "  ")
		if sep = ",\n"; open == '{' {
			fmt.Fprintf(&n.out, "%q: ", name)
		}
		if err := n.value(name, indent+"  "); err != nil {
			return err
		}
	}
	if sep != "\n" {
		n.out.WriteString("\n" + indent)
	}
	end, err := n.in.Token()
	if err != nil {
		return err
	}
	n.out.WriteString(fmt.Sprint(end))
	return nil
}

// scalar is the text of a string, number or word; what differs from run to run is
// a word in angle brackets.
func (n *normaliser) scalar(key string, token json.Token) string {
	switch v := token.(type) {
	case nil:
		return "null"
	case json.Number:
		if strings.HasPrefix(key, "duration_") || key == "pid" {
			return "<number>"
		}
		return v.String()
	case string:
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return `"<time>"`
		}
		for from, to := range n.words {
			v = strings.ReplaceAll(v, from, to)
		}
		v = regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(v, "<digest>")
		v = regexp.MustCompile(`go1\.\d+(\.\d+)?`).ReplaceAllString(v, "<go>")
		var text strings.Builder
		e := json.NewEncoder(&text)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return err.Error()
		}
		return strings.TrimSuffix(text.String(), "\n")
	}
	return fmt.Sprint(token)
}
