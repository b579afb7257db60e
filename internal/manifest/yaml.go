package manifest

import (
	"bytes"

	"go.yaml.in/yaml/v3"
)

// YAML writes objects as a stream of documents, keys sorted.
func YAML(objects []Object) []byte {
	var out bytes.Buffer
	for i, o := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(document(o))
	}
	return out.Bytes()
}

// document writes one value.
func document(v any) []byte {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(v); err != nil {
		panic(err) // of maps, lists, strings and numbers
	}
	return out.Bytes()
}
