package report

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/slipway-build/slipway/internal/terminal"
)

// JSON writes a result for programs: indented, and with "<", ">" and "&" as they
// are, because nobody puts it into a web page. Characters that a terminal would obey are
// escaped.
func JSON(w io.Writer, v any) error {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(terminal.JSON(text.Bytes()))
	return err
}
