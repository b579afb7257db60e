//go:build linux

package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/buildkit/cache/metadata"
	bolt "go.etcd.io/bbolt"

	"github.com/slipway-build/slipway/internal/atomicfile"
)

// bootFile names the boot of the machine in which an engine writes its databases. It is
// absent when none does. What a killed process wrote is in the page cache, and the next
// engine reads that; what a machine that stopped had not written to its disk is lost, and
// with databases that are not synced, any part of it.
const bootFile = "boot"

// bootIDFile is of the kernel: another ID with each boot.
const bootIDFile = "/proc/sys/kernel/random/boot_id"

// checkBoot says whether the machine stopped while an engine ran.
func checkBoot(dir string) error {
	before, err := os.ReadFile(filepath.Join(dir, bootFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the boot of the last engine: %w", err)
	}
	if now, err := os.ReadFile(bootIDFile); err != nil || !bytes.Equal(now, before) {
		return &damagedError{"databases", errors.New("the machine stopped or was restarted before they were complete")}
	}
	return nil
}

// noteBoot writes the boot to the disk, before the first database is written. It returns
// false, and the databases are to be synced, where the kernel names no boot, or the file
// cannot be written for good: on a full disk, or a file system that does not sync names.
func noteBoot(dir string) (noted bool) {
	now, err := os.ReadFile(bootIDFile)
	if err != nil || len(now) == 0 {
		return false
	}
	path := filepath.Join(dir, bootFile)
	if before, err := os.ReadFile(path); err == nil && bytes.Equal(now, before) {
		return true // of a killed process, which synced it
	}
	if err := atomicfile.Write(path, now, atomicfile.Options{Mode: 0o600, Sync: true}); err != nil {
		return false
	}
	if err := syncFile(dir); err != nil {
		_ = os.Remove(path)
		return false
	}
	return true
}

// syncFile writes a file to the disk, or the names in a directory.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// forgetBoot says that the databases are closed and synced.
func forgetBoot(dir string) error {
	if err := os.Remove(filepath.Join(dir, bootFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// openRecords opens the records of BuildKit's cache. BuildKit syncs each of the hundreds
// of writes of a build, and has no option for that.
func openRecords(path string, unsynced bool) (*metadata.Store, error) {
	records, err := metadata.NewStore(path)
	if err != nil {
		return nil, err
	}
	if db, ok := records.DB().(*bolt.DB); ok {
		db.NoSync, db.NoGrowSync = unsynced, unsynced
	}
	return records, nil
}
