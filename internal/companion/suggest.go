package companion

import (
	"slices"
	"strconv"
	"strings"
)

// Suggest is the value of needs: for servers that the sources of a service name by
// address, "db:5432", and for variables that they read without a default. It is empty
// when nothing tells the kind of a server.
func Suggest(connects, reads []string) string {
	var names, kinds []string
	add := func(name, kind string) {
		if !slices.Contains(names, name) && !slices.Contains(kinds, kind) {
			names, kinds = append(names, name), append(kinds, kind)
		}
	}
	for _, at := range connects {
		host, port, _ := strings.Cut(at, ":")
		if kind := kindOfPort(port); kind != "" {
			if host == "localhost" || strings.ContainsAny(host, ".") || host == "" || host[0] >= '0' && host[0] <= '9' {
				host = kind // the address has to change anyway
			}
			add(host, kind)
		}
	}
	for _, name := range reads {
		if kind := kindOfVariable(name); kind != "" {
			add(kind, kind)
		}
	}
	if len(names) == 0 {
		return ""
	}
	if slices.Equal(names, kinds) {
		return "[" + strings.Join(names, ", ") + "]"
	}
	for i := range names {
		names[i] += ": " + kinds[i]
	}
	return "{" + strings.Join(names, ", ") + "}"
}

func kindOfPort(port string) string {
	for _, k := range Catalogue() {
		if strconv.Itoa(k.Port) == port && k.Port != 9000 { // which many servers have
			return k.Name
		}
	}
	return ""
}

// kindOfVariable is the only kind whose clients expect a variable.
func kindOfVariable(name string) string {
	kind := ""
	for _, k := range Catalogue() {
		has := slices.ContainsFunc(k.variables(Endpoint{}), func(v Variable) bool { return v.Name == name })
		if has && kind != "" {
			return ""
		}
		if has {
			kind = k.Name
		}
	}
	if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "GOOGLE_") || strings.HasPrefix(name, "MAIL_") {
		return "" // of more services than these
	}
	return kind
}
