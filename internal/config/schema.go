package config

import (
	"encoding/json"

	"github.com/invopop/jsonschema"
)

// inlineSchema is the schema of a map that stands where it is used, for types that make
// their own schema.
func inlineSchema(form any) *jsonschema.Schema {
	r := jsonschema.Reflector{FieldNameTag: "yaml", DoNotReference: true, Anonymous: true}
	s := r.Reflect(form)
	s.Version = ""
	return s
}

// Schema returns the JSON Schema (draft 2020-12) of slipway.yaml, made from the
// types that Parse decodes into. Editors complete and check with it; Parse
// checks more, such as ports that two services share.
func Schema() []byte {
	r := jsonschema.Reflector{
		FieldNameTag:               "yaml",
		RequiredFromJSONSchemaTags: true,
		ExpandedStruct:             true,
		Anonymous:                  true,
	}
	s := r.Reflect(document{})
	s.Title = "slipway.yaml"
	s.Description = "The services of a repository, as Slipway builds, runs and ships them."
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // a schema of our own types always encodes
	}
	return append(out, '\n')
}
