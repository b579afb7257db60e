package gate_test

import (
	"testing"

	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/inventory"
)

func TestLicenceExpressions(t *testing.T) {
	l := gate.Limits{Supply: gate.Supply{DeniedLicences: []string{"GPL-3.0-*", "AGPL-*", "gpl-2.0"}}}
	for text, denied := range map[string]bool{
		"MIT": false, "GPL-3.0-only": true, "AGPL-3.0": true, "GPL-2.0-only": true, "GPL-2.0": true, "GPL-2.0+": false, "LGPL-3.0-only": false,
		"(MIT OR AGPL-3.0-only)": false, "(AGPL-3.0 OR GPL-3.0-or-later)": true, "MIT AND (Apache-2.0 OR AGPL-3.0)": false, "MIT AND AGPL-3.0 OR BSD-3-Clause": false,
		"GPL-3.0-only WITH GCC-exception-3.1": true, "MIT/AGPL-3.0": false, "MIT, AGPL-3.0": true, "GPL-3.0-or-later AND": true, "((AGPL-3.0": true, "": false, "see LICENSE": false,
	} {
		if got := gate.Check(l, packages(text))[0].Result == gate.Failed; got != denied {
			t.Errorf("%q: denied %v, want %v", text, got, denied)
		}
	}
}

// TestSpellingsOfLicences: manifests, Debian and Python's classifiers have names of
// their own for licences.
func TestSpellingsOfLicences(t *testing.T) {
	for _, c := range []struct {
		deny   string
		denied []string
		passes []string
	}{
		{"AGPL-*", []string{"GNU Affero General Public License v3", "GNU Affero General Public License v3 or later (AGPLv3+)", "AGPLv3+", "GNU AGPLv3", "AGPL", "AGPL-3.0 OR", "(AGPL-3.0 OR )", "AGPL 3", "GNU AGPL, version 3", "Affero GPL v3, MIT"},
			[]string{"GPLv3", "GNU Lesser General Public License v3 (LGPLv3)", "MIT License", "MIT OR AGPLv3", "AGPL-3.0 OR MIT"}},
		{"GPL-*", []string{"GNU General Public License v3 (GPLv3)", "GPLv3", "GPL", "GPL-2+", "GNU GPL", "GPL-2+ with OpenSSL exception", "https://www.gnu.org/licenses/gpl-3.0.html"},
			[]string{"GNU Affero General Public License v3", "LGPL-2.1+", "GNU Library or Lesser General Public License (LGPL)", "GPL-1+ or Artistic", "Mozilla Public License 2.0 (MPL 2.0)"}},
		{"GPL-3.0-*", []string{"GPL-3.0", "GPL-3", "GPLv3+", "GPL", "GPL-3.0-or-later"}, []string{"GPL-2", "GPL-2.0-only", "LGPL-3"}},
		{"GPL-3.0-only", []string{"GPL-3", "GPL-3.0", "GPLv3"}, []string{"GPL-3+", "GPL-3.0-or-later", "GPL-2"}},
		{"GPL-3.0-or-later", []string{"GPL-3+", "GNU General Public License v3 or later (GPLv3+)"}, []string{"GPL-3"}},
		{"SSPL-*", []string{"Server Side Public License", "SSPL-1.0"}, []string{"MIT"}},
		{"Apache-2.0", []string{"Apache License, Version 2.0", "Apache 2", "https://www.apache.org/licenses/LICENSE-2.0.txt"}, []string{"Apache-1.1"}},
		{"MIT-0", nil, []string{"MIT", "MIT License", "The MIT License"}},
	} {
		l := gate.Limits{Supply: gate.Supply{DeniedLicences: []string{c.deny}}}
		for _, text := range c.denied {
			if v := gate.Check(l, packages(text))[0]; v.Result != gate.Failed {
				t.Errorf("%s lets %q pass: %+v", c.deny, text, v)
			}
		}
		for _, text := range c.passes {
			if v := gate.Check(l, packages(text))[0]; v.Result != gate.Passed {
				t.Errorf("%s and %q: %+v", c.deny, text, v)
			}
		}
	}
}

// TestLicencesThatNobodyKnows warn, and fail under strict.
func TestLicencesThatNobodyKnows(t *testing.T) {
	l := gate.Limits{Supply: gate.Supply{DeniedLicences: []string{"AGPL-*"}}}
	rpm := gate.Subject{Packages: &inventory.Inventory{System: "Red Hat Enterprise Linux 9"}}
	debian := packages("MIT", "words-of-its-own or more")
	debian.Packages.Packages[0].Type = inventory.Debian
	for name, c := range map[string]struct {
		s    gate.Subject
		says string
	}{
		"none":        {packages(), "no licence is known of readline"},
		"in words":    {packages("see LICENSE"), "no licence is known of readline"},
		"a part":      {packages("MIT", "Proprietary"), "no licence is known of readline"},
		"half":        {packages("MIT OR"), "no licence is known of readline"},
		"npm's none":  {packages("UNLICENSED"), "no licence is known of readline"},
		"no packages": {rpm, "the packages of Red Hat Enterprise Linux 9 are not listed"},
		"Debian":      {debian, ""},
		"a reference": {packages("LicenseRef-Own"), ""},
	} {
		l.Strict = false
		v := gate.Check(l, c.s)[0]
		l.Strict = true
		strict := gate.Check(l, c.s)[0]
		if c.says == "" {
			if v.Result != gate.Passed || strict.Result != gate.Passed {
				t.Errorf("%s: %+v", name, v)
			}
			continue
		}
		if v.Result != gate.Warned || strict.Result != gate.Failed || v.Findings[0].Text != c.says || v.Findings[0].Code != "SLP625" {
			t.Errorf("%s: %+v", name, v)
		}
	}
}
