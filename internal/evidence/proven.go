package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/engine"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/gate/attest"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/scan"
	"github.com/slipway-build/slipway/internal/testreport"
)

// Keeper keeps what tests and scans found beside images of the store, of exactly the
// digest that was tested. What is there already stays, with its signatures.
type Keeper struct {
	Store   *image.Store
	Signer  Signer // nil: nothing is signed
	Version string // of Slipway
}

// Tested keeps the results of an image's quality stages, and of the scan that its gates
// made. A signature is only for an image that passed.
func (k Keeper) Tested(ctx context.Context, name string, made engine.Result, s gate.Subject, passed bool) error {
	digest, err := v1.NewHash(made.Digest)
	if err != nil {
		return nil //nolint:nilerr // no image of this machine
	}
	subject, err := OfStored(k.Store, name, v1.Descriptor{MediaType: types.MediaType(made.MediaType), Digest: digest, Size: made.SizeBytes})
	if err != nil {
		return err
	}
	var tests testreport.Report
	if s.Tests != nil {
		tests = *s.Tests
	}
	if err := subject.keepNew(ctx, attest.PredicateTests, attest.Tests(tests, s.Stages), whole); err != nil {
		return err
	}
	if s.Image != nil && s.Image.Digest == made.Digest && s.ScannedBy == scan.Own { // else they are another program's words
		if err := k.keepScan(ctx, subject, s.Vulnerabilities, s.Database, s.Today, s.Today); err != nil {
			return err
		}
	}
	return k.sign(ctx, subject, passed)
}

// Scanned keeps the result of a scan of an image of the store. Without a database
// vulnerabilities are not known, and nothing is said of them; nor of what another
// program found, whose words are not Slipway's.
func (k Keeper) Scanned(ctx context.Context, r scan.Result, began, ended time.Time, passed bool) error {
	desc, err := k.Store.Resolve(ctx, r.Digest)
	if err != nil {
		return err
	}
	subject, err := OfStored(k.Store, r.Image, desc)
	if err != nil {
		return err
	}
	if r.Scanner == scan.Own {
		if err := k.keepScan(ctx, subject, r.Vulnerabilities, r.Database, began, ended); err != nil {
			return err
		}
	}
	return k.sign(ctx, subject, passed)
}

// sign signs the image and what is said of it, if it passed.
func (k Keeper) sign(ctx context.Context, s *Subject, passed bool) error {
	if k.Signer == nil || !passed {
		return nil
	}
	_, err := s.Sign(ctx, k.Signer)
	return err
}

func (k Keeper) keepScan(ctx context.Context, s *Subject, hits []advisory.Hit, db *advisory.Database, began, ended time.Time) error {
	if db == nil || len(db.Ecosystems)+len(db.Missing) == 0 { // nothing was there to look up, which proves nothing
		return nil
	}
	found := attest.Vulnerabilities(attest.Scan{Version: k.Version, Hits: hits, Database: *db, Started: began, Finished: ended})
	return s.keepNew(ctx, attest.PredicateVulnerabilities, found, withoutTimes)
}

// keepNew is Keep of what the image does not say yet, signed or not. plain takes from a
// statement what makes no difference.
func (s *Subject) keepNew(ctx context.Context, predicate string, content any, plain func([]byte) []byte) error {
	statement, err := attest.NewStatement(s.repository(), s.Image.Digest.Hex, predicate, content)
	if err != nil {
		return err
	}
	same, other := 0, 0
	for _, item := range s.Items {
		switch {
		case item.Predicate != predicate:
		case bytes.Equal(plain(item.Payload), plain(statement)):
			same++
		default:
			other++
		}
	}
	if same > 0 && other == 0 {
		return nil
	}
	return s.Keep(ctx, predicate, content)
}

// whole is a statement of which everything counts.
func whole(statement []byte) []byte { return statement }

// withoutTimes is a statement about a scan without when it was made: a second scan
// with the same database that finds the same says nothing new.
func withoutTimes(statement []byte) []byte {
	var s struct {
		Subject   any            `json:"subject"`
		Predicate map[string]any `json:"predicate"`
	}
	if err := json.Unmarshal(statement, &s); err != nil {
		return statement
	}
	delete(s.Predicate, "metadata")
	plain, err := json.Marshal(s)
	if err != nil {
		return statement
	}
	return plain
}
