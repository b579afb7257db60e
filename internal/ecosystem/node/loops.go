package node

import (
	"path"
	"regexp"
	"strings"
)

// maxPlaces bounds the places that one expression stands for.
const maxPlaces = 12

// elements are the expressions that a name stands for in a loop over a list which
// the same file writes out: for…of, or a method that calls a function for each.
func elements(name, text string) []string {
	quoted := regexp.QuoteMeta(name)
	if m := regexp.MustCompile(`\b` + quoted + `\s+of\s+`).FindStringIndex(text); m != nil {
		return listed(text[m[1]:], text)
	}
	each := regexp.MustCompile(`\.\s*(?:forEach|map|flatMap|every|some)\(\s*(?:async\s+)?(?:function\s*\w*\s*)?\(?\s*` + quoted + `\s*[,):=]`)
	m := each.FindStringIndex(text)
	if m == nil {
		return nil
	}
	before := strings.TrimRight(text[:m[0]], " \t\r\n")
	if strings.HasSuffix(before, "]") {
		return parts(before[strings.LastIndexByte(before, '[')+1:])
	}
	return listed(before[len(before)-len(trailingName(before)):], text)
}

// trailingName is the identifier, or the call of Object.values, at the end of a text.
func trailingName(text string) string {
	return regexp.MustCompile(`(?:Object\.(?:values|keys)\([\w$]+\)|[A-Za-z_$][\w$]*)?$`).FindString(text)
}

// listed are the elements of the list that a text begins with, as it is written or
// by its name.
func listed(text, whole string) []string {
	if strings.HasPrefix(text, "[") {
		return parts(text[1:])
	}
	m := regexp.MustCompile(`^(?:Object\.(values|keys)\()?([A-Za-z_$][\w$]*)`).FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	at := regexp.MustCompile(`\b(?:const|let|var)\s+` + regexp.QuoteMeta(m[2]) + `(?:\s*:\s*[\w<>,\s\[\]]+)?\s*=\s*(?:Object\.freeze\(\s*)?([\[{])\s*`).FindStringSubmatchIndex(whole)
	if at == nil {
		return nil
	}
	members := parts(whole[at[1]:])
	if whole[at[2]] == '[' {
		return members
	}
	var out []string
	for _, member := range members {
		key, value, ok := strings.Cut(member, ":")
		switch {
		case m[1] == "values" && ok:
			out = append(out, value)
		case m[1] == "keys" && ok:
			out = append(out, `"`+strings.Trim(strings.TrimSpace(key), `'"`)+`"`)
		}
	}
	return out
}

// joined evaluates the arguments of path.join and its like: one place, or one for
// each element of a list that an argument is taken from.
func (u *uses) joined(text, whole, file string, depth int) []string {
	out := []string{"."}
	for _, part := range parts(text) {
		at := u.placesOf(part, whole, file, depth-1)
		if len(at) == 0 || len(at)*len(out) > maxPlaces {
			return nil
		}
		var next []string
		for _, before := range out {
			for _, p := range at {
				if path.IsAbs(p) && before == "." {
					next = append(next, p)
				} else {
					next = append(next, path.Join(before, p))
				}
			}
		}
		out = next
	}
	return out
}
