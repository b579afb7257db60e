package audit

import (
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
)

// Gives is how far records go as evidence for a control.
type Gives string

// What a control gets from Slipway.
const (
	Evidence Gives = "evidence" // records show it, as far as Slipway did the work
	Partial  Gives = "partial"  // records show a part of it
	Nothing  Gives = "none"     // Slipway does not see it
)

// Control is one control of a standard, and what Slipway has about it. The words are ours,
// not those of the standard.
type Control struct {
	ID      string `json:"control"`
	Topic   string `json:"topic"`
	Gives   Gives  `json:"gives"`
	Shows   string `json:"shows,omitempty"` // what the records show
	Lacks   string `json:"lacks"`           // what they do not, and why
	actions []Action
	all     bool // every record counts
}

// Standard is a list of controls.
type Standard struct {
	Word     string // of the command line
	Name     string
	Controls []Control
}

// Standards are those that an export is for.
func Standards() []Standard {
	return []Standard{
		{"soc2", "SOC 2, Trust Services Criteria of 2017 with the points of focus of 2022", soc2()},
		{"pci-dss", "PCI DSS 4.0.1", pciDSS()},
	}
}

// StandardOf finds a standard by its word.
func StandardOf(word string) (Standard, error) {
	words := []string{"json"}
	for _, s := range Standards() {
		if s.Word == word {
			return s, nil
		}
		words = append(words, s.Word)
	}
	f := diag.Fail(diag.ExitUsage, "there is no export for %q", word)
	if near := diag.Nearest(word, words); near != "" {
		return Standard{}, f.WithHint("did you mean --for %s?", near)
	}
	return Standard{}, f.WithHint("choose --for soc2, pci-dss or json")
}

// counts tells whether a record is evidence for the control.
func (c Control) counts(r Record) bool { return c.all || slices.Contains(c.actions, r.Action) }

// rollout is what happens between the start of a deploy and its end.
func rollout() []Action {
	return []Action{DeployStarted, DeployStep, Deployed, Promoted, Paused, Resumed, RolledBack, Aborted}
}

func soc2() []Control {
	return []Control{
		{ID: "CC8.1", Topic: "changes are documented and tracked", Gives: Evidence, actions: append([]Action{BuiltRelease}, rollout()...),
			Shows: "each release with its commit, its images by digest, who made it and when, and each deploy of it, by version and environment",
			Lacks: "requests, designs and tickets; changes that were made without Slipway"},
		{ID: "CC8.1", Topic: "changes are tested before they are implemented", Gives: Evidence, actions: []Action{Gates},
			Shows: "the gates that each release passed or failed before a deploy, with their results",
			Lacks: "whether the tests are good enough; tests by hand"},
		{ID: "CC8.1", Topic: "changes are approved before they are implemented", Gives: Evidence, actions: []Action{Approved},
			Shows: "who approved which version for which environment, when and why; the table of deploys compares the approver with who deployed",
			Lacks: "whether that person may approve; the permission to begin with the work; reviews of code"},
		{ID: "CC8.1", Topic: "changes are implemented", Gives: Evidence, actions: rollout(),
			Shows: "each deploy from its start to its result, with the digests that ran",
			Lacks: "changes of infrastructure, data and procedures"},
		{ID: "CC8.1", Topic: "changes in an emergency", Gives: Partial, actions: []Action{Unlocked, RolledBack, Aborted},
			Shows: "locks that were broken, rollbacks and aborted deploys, with the reason",
			Lacks: "which change was an emergency, and what was approved afterwards"},
		{ID: "CC7.1", Topic: "vulnerabilities and changes of configuration are found", Gives: Partial, actions: []Action{BuiltRelease, Gates},
			Shows: "scans of the images before they are released, as results of gates and evidence of the release",
			Lacks: "scans of what runs already; the configuration of hosts and clusters"},
		{ID: "CC7.2", Topic: "systems are monitored for anomalies", Gives: Partial, actions: []Action{Paused, RolledBack, Aborted},
			Shows: "what checks and analysis found during a rollout",
			Lacks: "monitoring at any other time"},
		{ID: "CC7.3", Topic: "security events are assessed", Gives: Nothing, Lacks: "people assess events, in another system"},
		{ID: "CC7.4", Topic: "incidents are responded to", Gives: Partial, actions: []Action{RolledBack, Aborted, Paused},
			Shows: "how a bad release was contained, by whom or by which check, and how long it took",
			Lacks: "roles, communication and lessons of an incident"},
		{ID: "CC7.5", Topic: "systems recover from incidents", Gives: Partial, actions: []Action{RolledBack, Deployed},
			Shows: "the return to an earlier release, and the release that fixed it",
			Lacks: "recovery of data and hosts; tests of the recovery plan"},
		{ID: "CC6.1", Topic: "access is restricted to those who are identified", Gives: Partial, all: true,
			Shows: "the user, user id and machine of each action, and the login before sudo where the kernel knows it",
			Lacks: "the check of identities: the operating system and the cluster do that, and Slipway believes them"},
		{ID: "CC6.2", Topic: "access is granted and removed", Gives: Nothing, Lacks: "Slipway manages no users"},
		{ID: "CC6.3", Topic: "duties are separated", Gives: Partial, actions: []Action{Approved, Deployed},
			Shows: "whether the approver and who deployed are the same user",
			Lacks: "whether two users are two people; who may do what"},
		{ID: "CC6.8", Topic: "unauthorized software is kept out", Gives: Partial, actions: []Action{BuiltRelease, Deployed},
			Shows: "the digests that were released and those that were deployed, with the signatures that the release had",
			Lacks: "software that came another way; protection against malware on hosts"},
	}
}
