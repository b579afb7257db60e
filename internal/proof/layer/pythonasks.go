package layer

import (
	"strings"

	"github.com/slipway-build/slipway/internal/pattern"
)

// What Python sources ask of the system by a literal name.
var (
	pyLoads   = pattern.Lazy(`\b(?:CDLL|cdll\.LoadLibrary|PyDLL|dlopen)\(\s*["']([^"'\n]+\.so(?:\.[0-9.]+)?)["']`)
	pyZone    = pattern.Lazy(`\bZoneInfo\(\s*(?:key\s*=\s*)?["']([A-Za-z]+(?:/[A-Za-z_+-]+)+)["']`)
	pyLocale  = pattern.Lazy(`\bsetlocale\(\s*[\w.]+\s*,\s*["']([a-z]{2,3}_[A-Z]{2}(?:[.@][\w@-]+)?)["']`)
	pyAccount = pattern.Lazy(`\bgetpass\.getuser\(|\bpwd\.getpwuid\(`)
)

// asks notes what a statement asks for, unless its failure is caught.
func (s *pySource) asks(code string, line int) {
	if n := len(s.frames); n > 0 && s.frames[n-1].when == Guarded || !strings.Contains(code, "(") {
		return
	}
	for what, m := range [][]string{Library: pyLoads().FindStringSubmatch(code), Zone: pyZone().FindStringSubmatch(code), Locale: pyLocale().FindStringSubmatch(code)} {
		if name := group(m); name != "" {
			s.out.Asks = append(s.out.Asks, Ask{What: Thing(what), Name: name, Line: line})
		}
	}
	if pyAccount().MatchString(code) {
		s.out.Asks = append(s.out.Asks, Ask{What: Account, Line: line})
	}
}
