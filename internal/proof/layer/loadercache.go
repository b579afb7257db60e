package layer

import (
	"bytes"
	"encoding/binary"
	"path"
	"slices"
)

// Of the file that ldconfig writes (glibc, sysdeps/generic/dl-cache.h): an old
// part may come before the new one.
const (
	oldCache       = "ld.so-1.7.0"
	newCache       = "glibc-ld.so.cache1.1"
	newCacheHeader = 48
	newCacheEntry  = 24
	maxLibraries   = 1 << 16
)

// cacheDirs returns the directories of the libraries that a loader's cache names;
// nil for what is no such cache.
func cacheDirs(data []byte) []string {
	start := bytes.Index(data[:min(len(data), 1<<20)], []byte(newCache))
	if start < 0 || start > 0 && !bytes.HasPrefix(data, []byte(oldCache)) {
		return nil
	}
	data = data[start:] // offsets of strings count from here
	if len(data) < newCacheHeader {
		return nil
	}
	var order binary.ByteOrder = binary.LittleEndian
	count := order.Uint32(data[20:])
	if count > maxLibraries { // written by a machine of the other byte order
		order = binary.BigEndian
		count = order.Uint32(data[20:])
	}
	if count > maxLibraries || int(count)*newCacheEntry > len(data)-newCacheHeader {
		return nil
	}
	dirs := []string{}
	seen := map[string]bool{}
	for i := range int(count) {
		entry := data[newCacheHeader+i*newCacheEntry:]
		name, ok := whole(data).word(int64(order.Uint32(entry[8:])))
		if dir := path.Dir(name); ok && path.IsAbs(name) && !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}
