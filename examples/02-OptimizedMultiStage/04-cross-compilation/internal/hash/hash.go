// Package hash computes checksums of what it reads.
package hash

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Sums are what is known of a text.
type Sums struct {
	Bytes      int64  `json:"bytes"`
	SHA256     string `json:"sha256"`
	Compressed int    `json:"zstd_bytes"`
}

// Of reads to the end.
func Of(r io.Reader) (Sums, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return Sums{}, err
	}
	sum := sha256.Sum256(data)
	packer, err := zstd.NewWriter(nil)
	if err != nil {
		return Sums{}, err
	}
	defer packer.Close()
	return Sums{Bytes: int64(len(data)), SHA256: hex.EncodeToString(sum[:]), Compressed: len(packer.EncodeAll(data, nil))}, nil
}
