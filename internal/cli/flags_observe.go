package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/rootless"
	"github.com/slipway-build/slipway/internal/trace"
)

// observation is what --trace and --cpuprofile ask for.
type observation struct {
	began      time.Time
	trace, cpu string        // files; empty: none
	profile    *bytes.Buffer // nil: none is taken
}

// observed adds the flags to every command.
func (a *app) observed(root *cobra.Command) {
	a.watch = &observation{began: time.Now()}
	fl := root.PersistentFlags()
	fl.StringVar(&a.watch.cpu, "cpuprofile", "", "write a CPU profile of slipway to `FILE`, for go tool pprof")
	fl.StringVar(&a.watch.trace, "trace", "", "write what took how long to `FILE`, as an OpenTelemetry trace (OTLP JSON)")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.observe(cmd) }
}

// observe starts what the flags ask for. A file that cannot be written is refused
// now, not after the work.
func (a *app) observe(cmd *cobra.Command) error {
	w := a.watch
	if rootless.Waiting() { // this process only starts the one that does the work
		return nil
	}
	for _, f := range []struct {
		name string
		path *string
	}{{"cpuprofile", &w.cpu}, {"trace", &w.trace}} {
		if !cmd.Flags().Changed(f.name) {
			continue
		}
		if err := a.checkOutput("--"+f.name, *f.path); err != nil {
			return err
		}
		*f.path = a.path(*f.path)
	}
	if w.cpu != "" && w.cpu == w.trace {
		return diag.Fail(diag.ExitUsage, "--cpuprofile and --trace name one file").WithHint("give each a file of its own")
	}
	if w.trace != "" {
		a.record(trace.New(cmd.CommandPath(), Version, w.began))
	}
	if w.cpu == "" {
		return nil
	}
	w.profile = &bytes.Buffer{}
	if err := pprof.StartCPUProfile(w.profile); err != nil {
		return fmt.Errorf("starting the CPU profile: %w", err)
	}
	return nil
}

// checkOutput refuses a file that could not be written at the end.
func (a *app) checkOutput(flag, path string) error {
	if path == "" {
		return diag.Fail(diag.ExitUsage, "%s names no file", flag).WithHint("such as %s /tmp/slipway.%s", flag, flag[2:])
	}
	full := a.path(path)
	refuse := func(err error) error {
		return diag.Fail(diag.ExitUsage, "%s cannot write %s", flag, path).Because(err).WithHint("name a file in a directory that you can write to")
	}
	switch info, err := os.Stat(full); {
	case err == nil && info.IsDir():
		return refuse(errors.New("it is a directory"))
	case err == nil && !info.Mode().IsRegular():
		return refuse(errors.New("it is not a regular file"))
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return refuse(err)
	}
	probe, err := os.CreateTemp(filepath.Dir(full), "."+filepath.Base(full)+"-*")
	if err != nil {
		return refuse(err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// finish writes the files, however the command ended, and returns how it ended.
func (a *app) finish(err error) error {
	w := a.watch
	if w.profile != nil {
		pprof.StopCPUProfile()
	}
	if errors.As(err, new(exited)) { // the process inside did the work and wrote them
		return err
	}
	var failed error
	if w.profile != nil {
		failed = atomicfile.Write(w.cpu, w.profile.Bytes(), atomicfile.Options{})
	}
	if a.trace != nil {
		data, encoding := a.trace.Finish(err)
		if encoding == nil {
			encoding = atomicfile.Write(w.trace, data, atomicfile.Options{})
		}
		failed = errors.Join(failed, encoding)
	}
	if failed == nil {
		return err
	}
	failed = diag.Fail(diag.ExitUnexpected, "what --trace and --cpuprofile collected is lost").Because(failed)
	if err != nil {
		fmt.Fprintln(a.Stderr, "warning: "+failed.Error())
		return err
	}
	return failed
}
