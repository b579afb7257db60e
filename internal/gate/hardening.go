package gate

import (
	"fmt"
	"strings"

	"github.com/slipway-build/slipway/internal/diag"
)

// on makes the draft of a gate that has a level, nil when it is off.
func on(level Level, name, limit string, s Subject) *draft {
	if level == Off || level == "" {
		return nil
	}
	d := &draft{Verdict: Verdict{Gate: name, Limit: limit}}
	if s.Image == nil {
		d.unknown = noImage
	}
	return d
}

// user is the gate of the account that the image runs as.
func user(l Limits, s Subject) *draft {
	d := on(l.User, "user", "not root", s)
	if d == nil || d.unknown != "" {
		return d
	}
	d.Actual = s.Image.User
	if d.Actual == "" {
		d.Actual = "root"
	}
	name, _, _ := strings.Cut(d.Actual, ":")
	if name == "root" || strings.Trim(name, "0") == "" {
		f := diag.Finding{Code: codeRoot, Place: diag.Place{File: s.Image.Dockerfile}, Text: prefix(s) + "the image runs as root", Hint: "end the Dockerfile with USER 1001, and copy with --chown=1001 what it writes to"}
		d.miss(l.User.severity(), f)
	}
	return d
}

// setuid is the gate of programs with other rights than those of the image's user.
func setuid(l Limits, s Subject) *draft {
	d := on(l.Setuid, "setuid", "none", s)
	if d == nil || d.unknown != "" {
		return d
	}
	d.Actual = count(len(s.Image.Setuid), "program")
	for _, p := range s.Image.Setuid {
		d.miss(l.Setuid.severity(), diag.Finding{Code: codeSetuid, Place: diag.Place{File: p}, Hint: "RUN chmod ug-s " + p,
			Text: fmt.Sprintf("%s%s runs with other rights than those of the image's user", prefix(s), p)})
	}
	return d
}

// shell is the gate of shells, which make more of a break-in.
func shell(l Limits, s Subject) *draft {
	d := on(l.Shell, "shell", "none", s)
	if d == nil || d.unknown != "" {
		return d
	}
	d.Actual = "none"
	if len(s.Image.Shells) > 0 {
		d.Actual = strings.Join(s.Image.Shells, ", ")
	}
	for _, p := range s.Image.Shells {
		d.miss(l.Shell.severity(), diag.Finding{Code: codeShell, Place: diag.Place{File: p}, Hint: "end with a stage FROM an image without one, or ask for it: shell: true",
			Text: fmt.Sprintf("%sthe image has a shell, %s", prefix(s), p)})
	}
	return d
}

// health is the gate of the health check.
func health(l Limits, s Subject) *draft {
	d := on(l.Health, "health", "a health check", s)
	if d == nil || d.unknown != "" {
		return d
	}
	d.Actual = "present"
	if !s.Image.Healthcheck {
		d.Actual = "missing"
		d.miss(l.Health.severity(), diag.Finding{Code: codeHealth, Place: diag.Place{File: s.Image.Dockerfile}, Text: prefix(s) + "the image has no health check",
			Hint: "health: {http: /health} for the service in slipway.yaml, or a HEALTHCHECK in the Dockerfile"})
	}
	return d
}

// baseAge is the gate of the age of the base.
func baseAge(l Limits, s Subject) *draft {
	if l.BaseAge <= 0 || l.OldBase == Off || l.OldBase == "" {
		return nil
	}
	d := on(l.OldBase, "base-age", "at most "+days(l.BaseAge), s)
	if d.unknown != "" {
		return d
	}
	if len(s.Image.Layers) > 0 && s.Image.Layers[0].Line > 0 {
		d.Actual = "no base"
		return d
	}
	if s.Image.BaseCreated.IsZero() {
		d.unknown = "the image does not say when its base was made"
		return d
	}
	age := s.Today.Sub(s.Image.BaseCreated)
	d.Actual = days(age)
	if age > l.BaseAge {
		d.miss(l.OldBase.severity(), diag.Finding{Code: codeBaseAge, Place: s.Image.place(0), Hint: "slipway bases update, then slipway build",
			Text: fmt.Sprintf("%sthe base of the image is %s old, and at most %s is allowed", prefix(s), days(age), days(l.BaseAge))})
	}
	return d
}
