package audit

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// lay writes the files of a log.
func lay(t *testing.T, f Files) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{logFile: f.log, headFile: f.head, checkpointsFile: f.checkpoints} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range f.keys {
		text, err := k.PublicPEM()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "key-"+k.Short()+".pub"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestATornRecordIsCompleted: whatever part of a record reached the disk, the next command
// completes it, keeps what was there, and notes it.
func TestATornRecordIsCompleted(t *testing.T) {
	s := newSample(t)
	for _, n := range []int{1, 2, 21, 22} {
		record := s.lines[n-1]
		for _, torn := range [][]byte{nil, record[:1], record[:len(record)/2], record[:len(record)-1], make([]byte, len(record)), bytes.Repeat([]byte("\n\xff"), len(record)/3)} {
			f := s.state(n)
			f.log = append(bytes.Clone(f.log[:len(f.log)-len(record)]), torn...)
			dir := lay(t, f)
			if r := files(t, dir).Verify(Trust{}); r.OK() || r.Problems[0].Record != uint64(n) {
				t.Errorf("%d of %d bytes of record %d: %v", len(torn), len(record), n, r.Problems)
			}
			if err := opened(t, dir).Append(Record{Action: Deployed}); err != nil {
				t.Fatal(err)
			}
			all := files(t, dir).Records()
			whole(t, dir)
			if len(all) != n+2 || all[n].Action != LogRecovered || all[n].Details["record"] != strconv.Itoa(n) || all[n].Details["bytes"] != strconv.Itoa(len(torn)) {
				t.Fatalf("record %d: the log is %+v", n, all[n-1:])
			}
			kept, err := os.ReadFile(filepath.Join(dir, all[n].Details["moved_to"]))
			if err != nil || !bytes.Equal(kept, torn) {
				t.Errorf("record %d: kept %q, not %q (%v)", n, kept, torn, err)
			}
		}
	}
}

// TestARepairThatIsInterruptedIsNoted: between any two of its steps.
func TestARepairThatIsInterruptedIsNoted(t *testing.T) {
	s := newSample(t)
	piece := s.lines[6][:40]
	for name, log := range map[string][]byte{"cut": s.state(6).log, "half": append(s.state(6).log, piece[:9]...), "complete": s.state(7).log} {
		f := s.state(7)
		f.log = log
		dir := lay(t, f)
		if err := os.WriteFile(filepath.Join(dir, "torn-7.new"), piece, 0o600); err != nil {
			t.Fatal(err)
		}
		opened(t, dir)
		all := files(t, dir).Records()
		whole(t, dir)
		kept, err := os.ReadFile(filepath.Join(dir, "torn-7"))
		if len(all) != 8 || all[7].Details["bytes"] != "40" || err != nil || !bytes.Equal(kept, piece) {
			t.Errorf("%s: %+v, kept %q (%v)", name, all[len(all)-1], kept, err)
		}
	}
}

// TestACheckpointThatWasNotCopiedIsCopied after a crash.
func TestACheckpointThatWasNotCopiedIsCopied(t *testing.T) {
	s := newSample(t)
	for _, n := range []int{21, 41} {
		for _, torn := range []int{0, 10, len(s.lines[n-1]) - 1} {
			f := s.state(n)
			f.checkpoints = f.checkpoints[:len(f.checkpoints)-len(s.lines[n-1])+torn]
			dir := lay(t, f)
			opened(t, dir)
			if r := whole(t, dir); r.SignedThrough != uint64(n) {
				t.Errorf("signed through %d", r.SignedThrough)
			}
		}
	}
}

// TestLogsAfterKillsAtRandomInstantsAreWhole: of what a killed process said it had
// recorded, nothing is missing.
func TestLogsAfterKillsAtRandomInstantsAreWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	said := 0
	for i := range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "AUDIT_WRITER="+dir, "AUDIT_FOREVER=1")
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out := bufio.NewReader(pipe)
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(i*3) * time.Millisecond) // an instant, any
		_ = cmd.Process.Kill()
		rest, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("it ended by itself: %v\n%s", err, rest)
		}
		said += 1 + bytes.Count(rest, []byte("\n"))
		opened(t, dir)
		whole(t, dir)
	}
	recorded := 0
	for _, r := range files(t, dir).Records() {
		if r.Action == DeployStep {
			recorded++
		}
	}
	if said == 0 || recorded < said || recorded > said+12 {
		t.Errorf("%d records, and %d were reported", recorded, said)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.new"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}
