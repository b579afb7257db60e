// Package image keeps, reads, measures and pushes built images.
//
// The Store is an OCI image layout: oci-layout, index.json and blobs/sha256.
// BuildKit writes blobs into the same directory through containerd's content
// store. A name always stands for a complete image: Tag refuses one whose blobs
// are not all there, and GC removes only what no name reaches.
//
// The package builds nothing, starts nothing and pulls nothing.
//
//	store, err := image.Open(filepath.Join(stateDir, "images"))
//	desc, err := store.Resolve(ctx, "gpp-g3/fast-orchestrator-service:latest")
package image
