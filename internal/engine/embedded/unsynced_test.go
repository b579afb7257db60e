//go:build linux

package embedded

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// A killed engine leaves its databases as they are; a machine that stopped under one
// leaves any part of them.
func TestDatabasesOfAStoppedMachineAreDamaged(t *testing.T) {
	dir := newDatabases(t)
	boot, err := os.ReadFile(bootIDFile)
	if err != nil {
		t.Skip("this kernel names no boot")
	}
	for range 2 { // a process that was killed comes between
		if !noteBoot(dir) {
			t.Fatal("the boot is not noted")
		}
		if err := unseal(dir, time.Time{}); err != nil {
			t.Errorf("after a kill: %v", err)
		}
	}
	for _, other := range []string{"", string(boot[:len(boot)/2]), "b0b0b0b0-0000-4000-8000-000000000000\n"} {
		if err := os.WriteFile(filepath.Join(dir, bootFile), []byte(other), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := unseal(dir, time.Time{}); !damage(err) {
			t.Errorf("boot %q: %v", other, err)
		}
	}
	if noteBoot(filepath.Join(dir, "missing")) {
		t.Error("noted where it cannot be written")
	}
	if err := sealDatabases(dir); err != nil {
		t.Fatal(err)
	}
	if err := unseal(dir, time.Time{}); err != nil {
		t.Errorf("after closing: %v", err)
	}
}

// BuildKit opens this database itself.
func TestRecordsAreNotSynced(t *testing.T) {
	for _, unsynced := range []bool{true, false} {
		records, err := openRecords(filepath.Join(t.TempDir(), "records.db"), unsynced)
		if err != nil {
			t.Fatal(err)
		}
		db, ok := records.DB().(*bolt.DB)
		if !ok || db.NoSync != unsynced || db.NoGrowSync != unsynced {
			t.Errorf("%T, want unsynced %t", records.DB(), unsynced)
		}
		if err := records.Close(); err != nil {
			t.Error(err)
		}
	}
}
