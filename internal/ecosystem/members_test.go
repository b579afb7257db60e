package ecosystem

import "testing"

func TestMembers(t *testing.T) {
	for name, c := range map[string]struct {
		patterns []string
		in, out  []string
	}{
		"one level":         {[]string{"packages/*"}, []string{"packages/a"}, []string{"packages", "packages/a/b", "apps/a"}},
		"any level":         {[]string{"packages/**"}, []string{"packages/a", "packages/a/b"}, []string{"apps"}},
		"by name":           {[]string{"api"}, []string{"api"}, []string{"apis"}},
		"excluded":          {[]string{"packages/*", "!packages/b"}, []string{"packages/a"}, []string{"packages/b"}},
		"everywhere":        {[]string{"**", "!**/test/**"}, []string{"a", "a/b"}, []string{"a/test/x"}},
		"part":              {[]string{"lib-*"}, []string{"lib-a"}, []string{"lib"}},
		"as people write":   {[]string{" ./apps/* ", "./web/", "!./apps/old/"}, []string{"apps/a", "web"}, []string{"apps/old"}},
		"braces":            {[]string{"{apps,packages}/*", "!apps/{x,y}"}, []string{"apps/a", "packages/x"}, []string{"apps/x", "apps/y", "libs/a"}},
		"braces twice":      {[]string{"{a,b}/{c,d}"}, []string{"a/c", "b/d"}, []string{"a/b"}},
		"an open brace":     {[]string{"{a,b"}, nil, []string{"a", "b"}},
		"braces in braces":  {[]string{"{a,{b,c}}"}, nil, []string{"a", "b"}},
		"no valid pattern":  {[]string{"[", "", "!"}, nil, []string{"a", "["}},
		"the last decides":  {[]string{"a", "!a", "a"}, []string{"a"}, nil},
		"no patterns":       {nil, nil, []string{"a"}},
		"too many to match": {[]string{"**/**/**/**/**/**/**/**/**/x"}, nil, []string{"a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"}},
	} {
		m := MembersOf(c.patterns)
		for _, dir := range c.in {
			if !m.Has(dir) || !m.MayHold(dir) {
				t.Errorf("%s: %s is no member of %q", name, dir, m)
			}
		}
		for _, dir := range c.out {
			if m.Has(dir) {
				t.Errorf("%s: %s is a member of %q", name, dir, m)
			}
		}
	}
	if n := len(MembersOf([]string{"{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}"})); n > maxAlternatives {
		t.Errorf("one pattern became %d", n)
	}
}

func TestMembersMayHold(t *testing.T) {
	m := MembersOf([]string{"apps/*/lib", "x/**", "!apps/y"})
	for dir, want := range map[string]bool{"apps": true, "apps/a": true, "apps/a/lib": true, "apps/a/b": false, "x/a/b": true, "y": false} {
		if m.MayHold(dir) != want {
			t.Errorf("%s: %v", dir, !want)
		}
	}
}
