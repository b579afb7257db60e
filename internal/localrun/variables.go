package localrun

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// Variable is one environment variable for one service or for all.
type Variable struct {
	Service string // empty: each service, but no companion
	Name    string
	Value   string
	Unset   bool // the service does not get the variable, even if its image has it
}

// ParseVariable reads [SERVICE:]NAME[=VALUE]. A name alone hands on the caller's
// own variable; one that the caller does not have is unset, as with docker run.
func ParseVariable(s string, lookup func(string) (string, bool)) (Variable, error) {
	name, value, assigned := strings.Cut(s, "=")
	v := Variable{Name: name, Value: value}
	service, rest, named := strings.Cut(name, ":")
	if named {
		v.Service, v.Name = service, rest
	}
	if v.Name == "" || named && v.Service == "" {
		return v, fmt.Errorf("%q has no name before its value: write [SERVICE:]NAME[=VALUE]", name) // without the value, which may be secret
	}
	if !assigned {
		v.Value, assigned = lookup(v.Name)
		v.Unset = !assigned
	}
	return v, nil
}

// SetVariables gives variables to the services that they are for, later ones
// over earlier ones.
func SetVariables(services []Spec, variables []Variable) error {
	for _, v := range variables {
		if v.Service != "" && !slices.ContainsFunc(services, func(s Spec) bool { return s.Name == v.Service }) {
			return unknownService(services, v.Service, "to set "+v.Name+" of")
		}
		for i := range services {
			if s := &services[i]; v.Service == "" && !s.Beside || v.Service == s.Name {
				s.set(v)
			}
		}
	}
	return nil
}

// set changes the service's own copy of its variables.
func (s *Spec) set(v Variable) {
	env := make(map[string]string, len(s.Env)+1)
	for name, value := range s.Env {
		env[name] = value
	}
	s.Unset = slices.DeleteFunc(slices.Clone(s.Unset), func(name string) bool { return name == v.Name })
	if v.Unset {
		delete(env, v.Name)
		s.Unset = append(s.Unset, v.Name)
	} else {
		env[v.Name] = v.Value
	}
	s.Env = env
}

// unknownService says which services there are instead.
func unknownService(services []Spec, name, what string) error {
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
	}
	f := diag.Fail(diag.ExitUsage, "unknown service %s %s", name, what)
	if near := diag.Nearest(name, names); near != "" {
		return f.WithHint("did you mean %s?", near)
	}
	return f.WithHint("these run: %s", strings.Join(names, ", "))
}
