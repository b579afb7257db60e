package companions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/event"
	"github.com/slipway-build/slipway/internal/localrun"
	"github.com/slipway-build/slipway/internal/plan"
	"github.com/slipway-build/slipway/internal/repository"
)

// A template is the data of a server as it is before the first client: the cluster,
// the database and what the seeds made of it. It is made once for all that it depends
// on and then lies below every run's own writable layer, which sees it fresh and
// copies only the files that it writes to.

// unfinished begins the names of templates that are being made.
const unfinished = ".new-"

// templateAge is how long an unused template stays.
const templateAge = 7 * 24 * time.Hour

// seedFile is a file that the preparation runs.
type seedFile struct {
	Name string // in the repository
	Data []byte
}

func (o Options) templatesDir() string { return filepath.Join(o.State.Path, "companions") }

// template returns the directory that lies over the image's layers, and makes it when
// there is none yet.
func (o Options) template(ctx context.Context, n companion.Need, r companion.Recipe) (string, error) {
	seeds, err := o.seeds(n)
	if err != nil {
		return "", err
	}
	key, err := o.templateKey(ctx, n, r, seeds)
	if err != nil {
		return "", err
	}
	dir := o.templatesDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("preparing companions: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if _, err := lock.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return "", fmt.Errorf("waiting for another slipway that prepares companions: %w", err)
	}
	defer lock.Unlock()
	path := filepath.Join(dir, key)
	if _, err := os.Stat(path); err == nil {
		return path, errors.Join(os.WriteFile(path+usedSuffix, nil, 0o600), o.prune(key))
	}
	o.Sink.Emit(event.Note{Text: fmt.Sprintf("preparing %s for %s", n.Describe(), n.Name)})
	if err := o.makeTemplate(ctx, path, key, n, r, seeds); err != nil {
		return "", err
	}
	return path, errors.Join(os.WriteFile(path+usedSuffix, nil, 0o600), o.prune(key))
}

// usedSuffix ends the name of the file beside a template that was written when the
// template was used last.
const usedSuffix = ".used"

// seeds reads the seed files of a need.
func (o Options) seeds(n companion.Need) ([]seedFile, error) {
	var out []seedFile
	for _, name := range n.Seed {
		data, err := repository.ReadFile(o.Root, name)
		if err != nil {
			return nil, diag.Fail(diag.ExitUsage, "reading the seed %s of %s", name, n.Name).Because(err).
				WithHint("seed: in slipway.yaml names files relative to it")
		}
		out = append(out, seedFile{name, data})
	}
	return out, nil
}

// templateKey names a template by all that decides its content.
func (o Options) templateKey(ctx context.Context, n companion.Need, r companion.Recipe, seeds []seedFile) (string, error) {
	desc, err := o.Store.Resolve(ctx, imageOf(r))
	if err != nil {
		return "", err
	}
	text, err := json.Marshal([]any{desc.Digest.String(), plan.Host(), r.Prepare, r.User, environment(n, r), seeds})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12]), nil
}

// makeTemplate runs the preparation in a container that finds an empty DataDir. The
// template gets its name only when it is complete.
func (o Options) makeTemplate(ctx context.Context, path, key string, n companion.Need, r companion.Recipe, seeds []seedFile) (err error) {
	work, err := os.MkdirTemp(filepath.Dir(path), unfinished)
	if err != nil {
		return fmt.Errorf("preparing %s: %w", n.Name, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	layer := filepath.Join(work, "layer")
	data := filepath.Join(layer, companion.DataDir)
	if err := os.MkdirAll(data, 0o755); err != nil {
		return fmt.Errorf("preparing %s: %w", n.Name, err)
	}
	if err := errors.Join(os.Chmod(layer, 0o755), os.Chmod(data, 0o1777)); err != nil { // whoever the server runs as
		return fmt.Errorf("preparing %s: %w", n.Name, err)
	}
	spec := localrun.Spec{
		Name: n.Name, Type: "job", Image: imageOf(r), Platform: plan.Host(), Args: []string{"sh", "-c", r.Prepare}, User: r.User, Env: environment(n, r),
		Writables: []localrun.Secret{{Target: companion.DataDir, File: data}},
	}
	if spec.Secrets, err = writeSeeds(work, seeds); err != nil {
		return fmt.Errorf("preparing %s: %w", n.Name, err)
	}
	if err := o.runJob(ctx, "companion-"+key, spec, n, seeds); err != nil {
		return err
	}
	if err := os.Rename(layer, path); err != nil {
		return fmt.Errorf("preparing %s: %w", n.Name, err)
	}
	return nil
}

// writeSeeds puts the seeds where a container finds them in order.
func writeSeeds(dir string, seeds []seedFile) ([]localrun.Secret, error) {
	var out []localrun.Secret
	for i, s := range seeds {
		at := seedPath(i, s.Name)
		file := filepath.Join(dir, filepath.Base(at))
		if err := os.WriteFile(file, s.Data, 0o644); err != nil {
			return nil, err
		}
		out = append(out, localrun.Secret{Target: at, File: file})
	}
	return out, nil
}

// seedPath is where the container finds a seed; the shell sorts them by name.
func seedPath(i int, name string) string {
	return fmt.Sprintf("%s/%04d%s", companion.SeedDir, i, filepath.Ext(name))
}

// runJob runs a container to its end.
func (o Options) runJob(ctx context.Context, group string, spec localrun.Spec, n companion.Need, seeds []seedFile) error {
	running, err := o.Runtime.Start(ctx, localrun.Group{Name: group, Services: []localrun.Spec{spec}}, false, quiet{o.Sink})
	if err != nil {
		return err
	}
	waited := running.Wait(ctx)
	status := running.Statuses()[0]
	why := running.Explain(spec.Name)
	if err := errors.Join(waited, running.Stop()); err != nil {
		return err
	}
	if status.Exit != nil && status.Exit.Code == 0 {
		return nil
	}
	hint := "see its last lines"
	for i, s := range seeds {
		if at := seedPath(i, s.Name); strings.Contains(why, at) {
			why, hint = strings.ReplaceAll(why, at, s.Name), "correct "+s.Name+", and run the command again"
		}
	}
	return diag.Fail(diag.ExitRun, "preparing %s, which is needed as %s\n\n%s", n.Describe(), n.Name, why).WithHint("%s", hint)
}

// prune removes templates that were not used for templateAge and are not mounted, and
// what interrupted preparations have left. The lock is held.
func (o Options) prune(used string) error {
	entries, err := os.ReadDir(o.templatesDir())
	if err != nil {
		return fmt.Errorf("looking for unused companions: %w", err)
	}
	var mounts []byte
	var problems []error
	for _, e := range entries {
		path := filepath.Join(o.templatesDir(), e.Name())
		if !e.IsDir() || e.Name() == used {
			continue
		}
		if info, err := os.Stat(path + usedSuffix); err == nil && time.Since(info.ModTime()) < templateAge {
			continue
		}
		if mounts == nil {
			if mounts, err = os.ReadFile("/proc/self/mountinfo"); err != nil {
				return fmt.Errorf("looking for unused companions: %w", err)
			}
		}
		if strings.Contains(string(mounts), e.Name()) {
			continue
		}
		problems = append(problems, os.RemoveAll(path), os.RemoveAll(path+usedSuffix))
	}
	return errors.Join(problems...)
}
