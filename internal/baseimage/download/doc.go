// Package download brings files over HTTP into a directory, by their digest, and
// keeps what was unpacked from them beside them. A file has its name there only
// when it is whole and has the digest, also after a kill, and several processes may
// share the directory.
//
// It refuses to keep bytes with another digest, and to wait for hours when a server
// asks for that. It does not choose addresses: callers hand those over.
//
//	cache := download.NewCache(dir, &download.Fetcher{Client: download.PatientClient()}, event.Discard{})
//	data, err := cache.Read(ctx, "package tini 0.19.0-3", download.SHA256(digest, size), addresses)
package download
