package ecosystem

import "bytes"

// common are the bytes of sources, the most common first, as counted over
// TypeScript, Python and Go.
const common = " etsrnaio\"\t\nl.cpd,mgfu()h:/={}ybvwk[]\\Sx-0|T`*P';_C+&EjFDR!OAN1ILHM>2%?Wq<3BUzJ8G5$V4K6^9#7@YQZX"

// rarity is how seldom sources have a byte: its place in common, from one.
var rarity = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range len(common) {
		t[common[i]] = byte(i + 1)
	}
	return t
}()

// Contains tells whether a source has a word.
func Contains(data []byte, word string) bool { return index(data, word) >= 0 }

// index is bytes.Index for a word of a source: it looks for the byte of the word
// that sources have most seldom, where bytes.Index stops at each one like the first.
func index[Word string | []byte](data []byte, word Word) int {
	if len(word) == 0 {
		return 0
	}
	rare := 0
	for i := range len(word) {
		if rarity[word[i]] > rarity[word[rare]] {
			rare = i
		}
	}
	for from := rare; from < len(data); from++ {
		i := bytes.IndexByte(data[from:], word[rare])
		if i < 0 {
			return -1
		}
		from += i
		if begin := from - rare; len(data)-begin >= len(word) && string(data[begin:begin+len(word)]) == string(word) {
			return begin
		}
	}
	return -1
}
