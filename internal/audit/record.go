// Package audit keeps what was released and deployed, by whom and with which result, so
// that a change of the record is found: each record has the SHA-256 of the one before,
// checkpoints are signed, and both are kept beside the log too. It records what others
// decided, decides nothing, and deletes nothing. Secrets are hidden before a record is
// hashed. Whoever can write the directory can also sign with the key in it: against them,
// only a checkpoint that is kept elsewhere helps.
//
//	log, err := audit.Open(filepath.Join(dir, "audit"))
//	err = log.Append(audit.Record{Action: audit.Deployed, Environment: "production", Version: "v1.2.3", Result: audit.OK})
//	head, err := log.Checkpoint(nil)
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/release"
)

// Action is what happened. Commands may use words that are not listed here.
type Action string

// What is recorded of releases and deploys.
const (
	BuiltRelease  Action = "built-release"
	Gates         Action = "gates"
	Approved      Action = "approved"
	DeployStarted Action = "deploy-started"
	DeployStep    Action = "deploy-step"
	Deployed      Action = "deployed"
	RolledBack    Action = "rolled-back"
	Aborted       Action = "aborted"
	Paused        Action = "paused"
	Resumed       Action = "resumed"
	Promoted      Action = "promoted"
	Unlocked      Action = "unlocked"
	Pruned        Action = "pruned"  // what a release does not have was removed
	Removed       Action = "removed" // all that ran in an environment was
)

// What the log records of itself.
const (
	CheckpointMade Action = "checkpoint"
	LogRecovered   Action = "log-recovered" // a crash left a record half written
	LogRenewed     Action = "log-renewed"   // a damaged log was moved aside
)

// Results that every action has.
const (
	OK     = "ok"
	Failed = "failed"
)

// Record is one event. Append sets Schema, Seq, Prev, At, Actor and Signature, whatever
// the caller wrote there.
type Record struct {
	Schema      int               `json:"schema"`
	Seq         uint64            `json:"seq"`  // from 1
	Prev        string            `json:"prev"` // SHA-256 of the record before, hex; zeros in the first one
	At          time.Time         `json:"at"`   // UTC, to the millisecond
	Actor       Actor             `json:"actor"`
	Origin      release.Source    `json:"origin,omitzero"`
	Action      Action            `json:"action"`
	Environment string            `json:"environment,omitempty"`
	Fleet       string            `json:"fleet,omitempty"`
	Version     string            `json:"version,omitempty"`
	Digests     map[string]string `json:"digests,omitempty"` // of images, by service
	Details     map[string]string `json:"details,omitempty"`
	Result      string            `json:"result,omitempty"`
	Signature   *Signature        `json:"signature,omitempty"` // of a checkpoint
}

// Signature is one over a record without its signature, in DSSE's encoding before the
// signature (PAE).
type Signature struct {
	KeyID string `json:"key_sha256"`
	Value []byte `json:"value"`
}

// Point is a place in a log that somebody may keep elsewhere: "61:9f86d0…".
type Point struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"sha256"`
}

func (p Point) String() string { return fmt.Sprintf("%d:%s", p.Seq, p.Hash) }

// ParsePoint reads what String wrote.
func ParsePoint(text string) (Point, error) {
	number, hash, _ := strings.Cut(text, ":")
	seq, err := strconv.ParseUint(number, 10, 64)
	if raw, bad := hex.DecodeString(hash); err != nil || bad != nil || len(raw) != sha256.Size || seq == 0 {
		return Point{}, diag.Fail(diag.ExitUsage, "%q is no head of an audit log", text).
			WithHint("write the record number, a colon and 64 hexadecimal digits, as slipway audit verify prints them")
	}
	return Point{seq, strings.ToLower(hash)}, nil
}

const (
	schema      = 1
	payloadType = "application/vnd.slipway.audit+json"

	maxLine  = 256 << 10 // bytes of a record
	maxValue = 8 << 10   // bytes of a value in it
)

// none is what the first record has in place of a hash.
var none = strings.Repeat("0", 2*sha256.Size)

func hashOf(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// encode returns the canonical bytes of a record: one line, without its end. The fields
// have one order, maps are sorted.
func encode(r Record) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(r) // of strings, numbers and bytes
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decode reads the canonical bytes of a record, and nothing else.
func decode(line []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return r, errors.New("it is no record")
	}
	if r.Schema != schema {
		return r, fmt.Errorf("it is a record of schema %d, and this slipway reads schema %d", r.Schema, schema)
	}
	if r.Seq == 0 || r.Action == "" || !bytes.Equal(encode(r), line) {
		return r, errors.New("it is no record as slipway writes them")
	}
	return r, nil
}
