package report

import (
	"encoding/json"
	"io"
)

// JSON writes a result for programs: indented, and with "<", ">" and "&" as they
// are, because nobody puts it into a web page.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
