package attest

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plaintext"
)

// buildType names the meaning of the parameters below; builderID names who vouches for
// them: Slipway itself, on whatever machine it ran. That is SLSA's build level 1, which
// proves nothing against the owner of the machine (slsa.dev, spec v1.0, "Levels").
const (
	buildType = "https://github.com/slipway-build/slipway/blob/main/docs/PROVENANCE.md#v1"
	builderID = "https://github.com/slipway-build/slipway"
)

// Build is what is known of a build. Of secrets it holds nothing but their ids.
type Build struct {
	Version    string // of Slipway
	Service    string
	Target     string
	Platforms  []string
	Args       map[string]string // as given; most values stay out of the statement
	Secrets    []string          // ids
	Dockerfile string            // SHA-256 of its text, hex
	Inputs     string            // fingerprint of all inputs, "sha256:…"; empty: not known
	Bases      map[string]string // name after FROM → "sha256:…"
	Lock       string            // SHA-256 of slipway.lock, hex; empty: none
	Source     Source
	Started    time.Time // zero: an earlier command built it, and when is not known
	Finished   time.Time
}

// Source is the repository that was built. The zero value is none.
type Source struct {
	URL    string // a login in it stays out of the statement
	Commit string
}

// provenance is SLSA's predicate (slsa.dev/provenance/v1).
type provenance struct {
	Definition definition `json:"buildDefinition"`
	Run        runDetails `json:"runDetails"`
}

type definition struct {
	BuildType    string       `json:"buildType"`
	External     parameters   `json:"externalParameters"`
	Dependencies []Descriptor `json:"resolvedDependencies,omitempty"`
}

type parameters struct {
	Service    string            `json:"service,omitempty"`
	Target     string            `json:"target,omitempty"`
	Platforms  []string          `json:"platforms,omitempty"`
	Args       map[string]string `json:"arguments,omitempty"`
	ArgsHidden []string          `json:"argumentsWithoutValue,omitempty"` // given, and not shown
	Secrets    []string          `json:"secretIds,omitempty"`
	Dockerfile Descriptor        `json:"dockerfile"`
}

type runDetails struct {
	Builder    builder      `json:"builder"`
	Metadata   *metadata    `json:"metadata,omitempty"`
	Byproducts []Descriptor `json:"byproducts,omitempty"`
}

type builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"`
}

type metadata struct {
	Invocation string     `json:"invocationId,omitempty"`
	Started    *time.Time `json:"startedOn,omitempty"`
	Finished   *time.Time `json:"finishedOn,omitempty"`
}

// Provenance is the predicate PredicateProvenance of a build.
func Provenance(b Build) any {
	shown, hidden := harmless(b.Args)
	p := provenance{
		Definition: definition{BuildType: buildType, External: parameters{
			Service: b.Service, Target: b.Target, Platforms: b.Platforms, Args: shown, ArgsHidden: hidden, Secrets: slices.Sorted(slices.Values(b.Secrets)),
			Dockerfile: Descriptor{Name: "Dockerfile", Digest: map[string]string{"sha256": b.Dockerfile}},
		}},
		Run: runDetails{Builder: builder{ID: builderID, Version: map[string]string{"slipway": b.Version}}},
	}
	for _, name := range slices.Sorted(maps.Keys(b.Bases)) {
		if hex, ok := strings.CutPrefix(b.Bases[name], "sha256:"); ok {
			p.Definition.Dependencies = append(p.Definition.Dependencies, Descriptor{Name: plaintext.WithoutLogins(name), Digest: map[string]string{"sha256": hex}})
		}
	}
	if b.Source.Commit != "" {
		uri := ""
		if b.Source.URL != "" {
			uri, _, _ = strings.Cut(plaintext.WithoutLogins(b.Source.URL), "?") // where tokens are
			uri = "git+" + uri
		}
		p.Definition.Dependencies = append(p.Definition.Dependencies, Descriptor{Name: "source", URI: uri, Digest: map[string]string{"gitCommit": b.Source.Commit}})
	}
	if hex, ok := strings.CutPrefix(b.Inputs, "sha256:"); ok {
		p.Definition.Dependencies = append(p.Definition.Dependencies, Descriptor{Name: "fingerprint of all inputs", Digest: map[string]string{"slipwayFingerprint": hex}})
	}
	if b.Lock != "" {
		p.Definition.Dependencies = append(p.Definition.Dependencies, Descriptor{Name: "slipway.lock", Digest: map[string]string{"sha256": b.Lock}})
	}
	if !b.Started.IsZero() {
		started, finished := b.Started.UTC(), b.Finished.UTC()
		p.Run.Metadata = &metadata{Started: &started, Finished: &finished}
	}
	return p
}

var (
	secretive = pattern.Lazy(`(?i)pass|secret|token|key|cred|auth|login|user|cookie|session|dsn|salt|pin$|proxy`)
	harmlessV = pattern.Lazy(`^(true|false|yes|no|on|off|0|1|production|development|staging|test|testing|release|debug|v?[0-9]{1,4}(\.[0-9]{1,4}){1,3}(-(alpine|slim|bookworm|trixie|(rc|beta|alpha)\.?[0-9]{1,3}))?|linux/[a-z0-9]{3,8}(/v[0-9])?)$`)
	epoch     = pattern.Lazy(`^[0-9]{1,11}$`)
)

// harmless splits build arguments into those whose values may be published, because no
// secret looks like them, and the names of the others: anything may be in them.
func harmless(args map[string]string) (shown map[string]string, hidden []string) {
	fits := func(re func() *regexp.Regexp, text string) bool { return re().MatchString(text) }
	for _, name := range slices.Sorted(maps.Keys(args)) {
		value := args[name]
		if fits(harmlessV, value) && !fits(secretive, name) || name == "SOURCE_DATE_EPOCH" && fits(epoch, value) {
			if shown == nil {
				shown = map[string]string{}
			}
			shown[name] = value
			continue
		}
		hidden = append(hidden, name)
	}
	return shown, hidden
}
