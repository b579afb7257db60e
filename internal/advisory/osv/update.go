package osv

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/plaintext"
	"github.com/slipway-build/slipway/internal/quota"
)

// Limits of what an archive may hold: npm's, the largest, has 250,000 records, most of
// malicious packages, in 1 GB.
const (
	maxRecord   = 16 << 20
	maxUnpacked = 8 << 30
	maxArchive  = 2 << 30
)

// Options say where records come from: a mirror, or files of this machine.
type Options struct {
	From       string   // a directory or archive; "": Mirror
	Mirror     string   // address of <ecosystem>/all.zip: http, https or file, or a directory
	Ecosystems []string // to fetch from a mirror; empty: all that are matched
	Now        time.Time
	Fetch      Fetcher // of http and https
}

// Fetcher downloads a file, and says when the server last changed it; zero: not known.
// fs.ErrNotExist: the server has no such file.
type Fetcher func(ctx context.Context, address string, to *os.File, limit int64) (time.Time, error)

// Update makes a new database from what the options name, and makes it the current one
// below a directory. The old one stays where anything fails.
func Update(ctx context.Context, dir string, o Options) (About, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return About{}, err
	}
	scratch, err := os.MkdirTemp(dir, ".update-")
	if err != nil {
		return About{}, err
	}
	defer os.RemoveAll(scratch)
	b := &builder{packages: map[string]map[string][][]byte{}, about: About{Format: formatNumber, Ecosystems: map[string]Ecosystem{}}, quota: quota.New(maxUnpacked)}
	if o.From != "" {
		b.about.Source = o.From
		err = b.local(o.From)
	} else {
		b.about.Source = plaintext.WithoutLogins(o.Mirror)
		err = b.mirror(ctx, scratch, o)
	}
	if err != nil {
		return About{}, err
	}
	if len(b.packages) == 0 {
		return About{}, diag.Fail(diag.ExitUsage, "no records of %s are in %s", strings.Join(advisory.Ecosystems(), ", "), b.about.Source).
			WithHint("name a directory or archive of OSV records in JSON, or of <ecosystem>/all.zip")
	}
	if err := b.lend(); err != nil {
		return About{}, err
	}
	return b.about, b.install(dir, scratch, o.Now)
}

// install writes the database and names it.
func (b *builder) install(dir, scratch string, now time.Time) error {
	fresh := filepath.Join(scratch, "database")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	for ecosystem, packages := range b.packages {
		if err := writeTable(filepath.Join(fresh, ecosystem), packages); err != nil {
			return err
		}
	}
	data, err := json.MarshalIndent(b.about, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(fresh, aboutFile), append(data, '\n'), atomicfile.Options{Sync: true}); err != nil {
		return err
	}
	name := now.UTC().Format("2006-01-02T150405.000Z")
	if err := os.Rename(fresh, filepath.Join(dir, name)); err != nil {
		return err
	}
	before, _ := os.ReadFile(filepath.Join(dir, currentFile)) // none: nothing to keep
	if err := atomicfile.Write(filepath.Join(dir, currentFile), []byte(name+"\n"), atomicfile.Options{Sync: true}); err != nil {
		return err
	}
	return tidy(dir, name, strings.TrimSpace(string(before)))
}

// tidy removes older databases. The last one stays for searches that are under way.
func tidy(dir string, keep ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !slices.Contains(keep, e.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// builder gathers records.
type builder struct {
	about    About
	packages map[string]map[string][][]byte // records in JSON by ecosystem and package
	quota    *quota.Quota
	ratings  ratings
}

// mirror fetches the archives of ecosystems.
func (b *builder) mirror(ctx context.Context, scratch string, o Options) error {
	if dir, ok := strings.CutPrefix(o.Mirror, "file://"); ok {
		return b.local(dir)
	}
	if !strings.HasPrefix(o.Mirror, "http://") && !strings.HasPrefix(o.Mirror, "https://") {
		return b.local(o.Mirror)
	}
	wanted := o.Ecosystems
	if len(wanted) == 0 {
		wanted = advisory.Ecosystems()
	}
	for _, ecosystem := range wanted {
		address := strings.TrimSuffix(o.Mirror, "/") + "/" + ecosystem + "/all.zip"
		changed, err := b.fetch(ctx, scratch, address, o.Fetch)
		if errors.Is(err, fs.ErrNotExist) && len(o.Ecosystems) == 0 {
			continue // a mirror of some ecosystems; images with others say so
		}
		if err != nil {
			return diag.Fail(diag.ExitUnexpected, "the advisories of %s cannot be fetched", ecosystem).Because(err).
				WithHint("check SLIPWAY_OSV_MIRROR; slipway scan --update --from DIR takes files of this machine")
		}
		if e, ok := b.about.Ecosystems[ecosystem]; ok && changed.After(e.Updated) {
			e.Updated = changed
			b.about.Ecosystems[ecosystem] = e
		}
	}
	return nil
}

// fetch downloads an archive and takes its records.
func (b *builder) fetch(ctx context.Context, scratch, address string, fetch Fetcher) (changed time.Time, err error) {
	f, err := os.Create(filepath.Join(scratch, "all.zip"))
	if err != nil {
		return changed, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if changed, err = fetch(ctx, address, f, maxArchive); err != nil {
		return changed, err
	}
	info, err := f.Stat()
	if err != nil {
		return changed, err
	}
	return changed, b.archive(plaintext.WithoutLogins(address), f, info.Size())
}

// local takes the records of an archive or of a tree with records and archives.
func (b *builder) local(from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return diag.Fail(diag.ExitUsage, "the advisories in %s cannot be read", from).Because(err).WithHint("slipway scan --update --from DIR, or a zip file")
	}
	if !info.IsDir() {
		return b.file(from)
	}
	return filepath.WalkDir(from, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !e.Type().IsRegular() {
			return err
		}
		return b.file(p)
	})
}

// file takes a file of records; others are none of ours.
func (b *builder) file(p string) error {
	switch filepath.Ext(p) {
	case ".zip":
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return b.archive(p, f, info.Size())
	case ".json":
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return b.read(p, info.ModTime(), f)
	}
	return nil
}

// archive takes the records of a zip.
func (b *builder) archive(name string, r io.ReaderAt, size int64) error {
	bad := func(err error) error {
		return diag.Fail(diag.ExitUsage, "the archive %s cannot be read", name).Because(err).WithHint("download it again")
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return bad(err)
	}
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		if err := b.quota.Take(int64(min(f.UncompressedSize64, 1<<62))); err != nil {
			return bad(err)
		}
		content, err := f.Open()
		if err != nil {
			return bad(err)
		}
		err = errors.Join(b.read(name+": "+f.Name, f.Modified, io.LimitReader(content, int64(min(f.UncompressedSize64, maxRecord+1)))), content.Close())
		if err != nil {
			return err
		}
	}
	return nil
}

// read takes one record. A file of JSON that is none is not ours; one that is broken is
// an error: a search that lacks it would find less, silently. A record without a time
// has that of its file.
func (b *builder) read(name string, changed time.Time, r io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	if len(data) > maxRecord {
		return fmt.Errorf("reading %s: larger than %d MB", name, maxRecord>>20)
	}
	var record advisory.Record
	if err := json.Unmarshal(data, &record); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) && kind.Field == "" { // a list, a number: not a record
			return nil
		}
		return diag.Fail(diag.ExitUsage, "%s is not a record of OSV", name).Because(err).WithHint("download it again, or remove it")
	}
	if record.ID == "" || len(record.Affected) == 0 || record.Withdrawn != nil {
		return nil
	}
	if record.Modified.Year() <= 1 && changed.Year() > 1980 { // the earliest that a zip can say
		record.Modified = changed.UTC()
	}
	record.Lent = nil // only Slipway writes it
	return b.add(record)
}

// add files a record under each package that it is about.
func (b *builder) add(record advisory.Record) error {
	b.ratings.note(record)
	parts := map[[2]string][]advisory.Affected{}
	for _, a := range record.Affected {
		ecosystem, _, _ := strings.Cut(a.Package.Ecosystem, ":")
		if slices.Contains(advisory.Ecosystems(), ecosystem) && a.Package.Name != "" {
			key := [2]string{ecosystem, advisory.Key(ecosystem, a.Package.Name)}
			parts[key] = append(parts[key], a)
		}
	}
	counted := map[string]bool{}
	for key, affected := range parts {
		part := record
		part.Affected = affected
		data, err := json.Marshal(part)
		if err != nil {
			return err
		}
		if b.packages[key[0]] == nil {
			b.packages[key[0]] = map[string][][]byte{}
		}
		if _, rated := part.Rating(); !rated {
			b.ratings.missing = append(b.ratings.missing, place{key[0], key[1], len(b.packages[key[0]][key[1]])})
		}
		b.packages[key[0]][key[1]] = append(b.packages[key[0]][key[1]], data)
		e := b.about.Ecosystems[key[0]]
		if !counted[key[0]] {
			e.Records++
			counted[key[0]] = true
		}
		for _, t := range []time.Time{record.Modified, record.Published} {
			if t.After(e.Updated) {
				e.Updated = t
			}
		}
		b.about.Ecosystems[key[0]] = e
	}
	return nil
}
