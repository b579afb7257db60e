package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// writeLayer writes the files of the large layer, the same ones every time: text
// and random bytes by turns, so that about half of it is left when it is
// compressed, as of programs and their packages.
func writeLayer(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i := range layerFiles {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%03d", i)), layerFile(i), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// layerFile is one of its files: text when its number is even, else random.
func layerFile(i int) []byte {
	data, source := make([]byte, layerFileSize), rand.NewChaCha8([32]byte{byte(i), byte(i >> 8)})
	if i%2 == 0 {
		fillText(data, rand.New(source))
	} else {
		_, _ = source.Read(data) // it never fails
	}
	return data
}

// fillText writes words of a vocabulary of four thousand, some of them far more
// often than others, as in a language or a program.
func fillText(data []byte, r *rand.Rand) {
	for n := 0; n < len(data); {
		rank := int(4000 * r.Float64() * r.Float64() * r.Float64())
		n += copy(data[n:], word(rank))
		separator := byte(' ')
		if r.IntN(12) == 0 {
			separator = '\n'
		}
		if n < len(data) {
			data[n] = separator
			n++
		}
	}
}

// word is one of the vocabulary: two to five syllables.
func word(rank int) string {
	const consonants, vowels = "bcdfghjklmnprstv", "aeiou"
	out := make([]byte, 0, 10)
	for n := rank + 37; n > 0 && len(out) < 10; n /= 23 {
		out = append(out, consonants[n%len(consonants)], vowels[n%len(vowels)])
	}
	return string(out)
}
