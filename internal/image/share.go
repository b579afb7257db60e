package image

import v1 "github.com/google/go-containerregistry/pkg/v1"

// Share is how much of one image of a set is also in others of the set.
type Share struct {
	SharedBytes int64 // unpacked, in layers that another image has too
	OwnBytes    int64 // unpacked, in layers that only this image has
}

// Sharing is what a set of images takes together, every layer counted once.
type Sharing struct {
	Images                []Share // in the order of the set
	UniqueUnpackedBytes   int64
	UniqueCompressedBytes int64
}

// ShareOf compares the layers of a set of images: unpacked by diff ID, since that
// is what a disk holds, compressed by digest, since that is what a registry holds.
func ShareOf(infos []Info) Sharing {
	var out Sharing
	users := map[v1.Hash]int{}
	compressed := map[v1.Hash]bool{}
	for _, info := range infos {
		mine := map[v1.Hash]bool{}
		for _, l := range info.Layers {
			if !compressed[l.Digest] {
				compressed[l.Digest] = true
				out.UniqueCompressedBytes += l.CompressedBytes
			}
			if mine[l.DiffID] {
				continue
			}
			mine[l.DiffID] = true
			if users[l.DiffID]++; users[l.DiffID] == 1 {
				out.UniqueUnpackedBytes += l.UnpackedBytes
			}
		}
	}
	for _, info := range infos {
		var share Share
		for _, l := range info.Layers {
			if users[l.DiffID] > 1 {
				share.SharedBytes += l.UnpackedBytes
			} else {
				share.OwnBytes += l.UnpackedBytes
			}
		}
		out.Images = append(out.Images, share)
	}
	return out
}
