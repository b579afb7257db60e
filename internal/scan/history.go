package scan

import (
	"context"
	"crypto/sha256"
	"strings"

	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/origin"
	"github.com/slipway-build/slipway/internal/secret"
)

// maxCommits is how many commits of a history are searched.
const maxCommits = 50_000

// Commits adds the secrets in the commits of a directory's repository: those that files
// have no more, too. A secret counts once, where it came in.
func (r *Result) Commits(ctx context.Context, from origin.Source, dir string) error {
	seen := map[[32]byte]int{} // place in r.Secrets
	walked, err := from.Commits(ctx, dir, maxCommits, func(a origin.Added) error {
		for _, s := range inCommit(a) {
			at, ok := seen[s.key]
			if !ok {
				at = len(r.Secrets)
				seen[s.key], r.Secrets = at, append(r.Secrets, s.Secret)
			}
			r.Secrets[at] = s.Secret // an older commit brought it in
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.History = &walked
	sortSecrets(r.Secrets)
	return nil
}

// committed is a secret with what it has in common with its copies.
type committed struct {
	gate.Secret
	key [32]byte
}

// inCommit finds the secrets in lines that a commit adds.
func inCommit(a origin.Added) (out []committed) {
	note := func(rule string, line int, text string) {
		out = append(out, committed{
			gate.Secret{Rule: rule, File: a.File, Line: line, Where: "commit", Commit: a.Commit, Author: masked(a.Author, a.Email), Date: a.Date},
			sha256.Sum256([]byte(rule + "\x00" + strings.TrimSpace(text))),
		})
	}
	if secret.HoldsKey(a.File, a.Text) {
		note("private-key", a.Line, string(a.Text))
	}
	matches := secret.FindInSource(a.File, a.Text)
	if len(matches) == 0 {
		return out
	}
	lines := strings.Split(string(a.Text), "\n")
	for _, m := range matches {
		note(m.Rule, a.Line+m.Line-1, lines[m.Line-1])
	}
	return out
}

// masked is enough of an author for colleagues, and nobody else, to know who it is.
func masked(name, email string) string {
	var parts []string
	for part := range strings.FieldsSeq(name) {
		parts = append(parts, string([]rune(part)[:1])+"…")
	}
	if user, domain, ok := strings.Cut(email, "@"); ok && user != "" {
		parts = append(parts, "<"+string([]rune(user)[:1])+"…@"+domain+">")
	}
	return strings.Join(parts, " ")
}
