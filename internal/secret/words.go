package secret

import "sync"

// automaton finds all words of all rules in one pass over a text, whatever their case
// (Aho and Corasick, 1975).
type automaton struct {
	class [256]byte // of a byte; 0: in no word
	width int       // classes
	next  []uint16  // state after a class: state*width + class
	ends  [][]uint16
}

// wordsOf builds the automaton of words; their indexes are what it reports.
func wordsOf(words []string) *automaton {
	a := &automaton{width: 1}
	for _, w := range words {
		for i := range len(w) {
			if c := lower(w[i]); a.class[c] == 0 {
				a.class[c] = byte(a.width)
				a.class[upper(c)] = byte(a.width)
				a.width++
			}
		}
	}
	state := func() int {
		a.next, a.ends = append(a.next, make([]uint16, a.width)...), append(a.ends, nil)
		return len(a.ends) - 1
	}
	state()
	for index, w := range words {
		at := 0
		for i := range len(w) {
			to := at*a.width + int(a.class[w[i]])
			if a.next[to] == 0 {
				made := state()
				a.next[to] = uint16(made)
			}
			at = int(a.next[to])
		}
		a.ends[at] = append(a.ends[at], uint16(index))
	}
	a.complete()
	return a
}

// complete adds the moves after a byte that continues no word: those of the longest
// suffix that does.
func (a *automaton) complete() {
	suffix := make([]int, len(a.ends))
	queue := []int{}
	for c := range a.width {
		if to := int(a.next[c]); to != 0 {
			queue = append(queue, to)
		}
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		a.ends[at] = append(a.ends[at], a.ends[suffix[at]]...)
		for c := range a.width {
			move := &a.next[at*a.width+c]
			other := a.next[suffix[at]*a.width+c]
			if *move == 0 {
				*move = other
				continue
			}
			suffix[*move] = int(other)
			queue = append(queue, int(*move))
		}
	}
}

// find calls hit with each word of a text and its end.
func (a *automaton) find(data []byte, hit func(word uint16, end int)) {
	at := 0
	for i, c := range data {
		at = int(a.next[at*a.width+int(a.class[c])])
		if ends := a.ends[at]; ends != nil {
			for _, word := range ends {
				hit(word, i+1)
			}
		}
	}
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

// table is all rules with the automaton of their words.
type table struct {
	forms []form
	words *automaton
	list  []string
	of    [][]int // forms of a word
}

// all are the rules: those of this package, then gitleaks'.
var all = sync.OnceValue(func() *table {
	t := &table{}
	index := map[string]int{}
	for _, f := range append(ownForms(), publishedForms()...) {
		t.forms = append(t.forms, f)
		for _, w := range f.words {
			if _, ok := index[w]; !ok {
				index[w] = len(t.list)
				t.list, t.of = append(t.list, w), append(t.of, nil)
			}
			t.of[index[w]] = append(t.of[index[w]], len(t.forms)-1)
		}
	}
	t.words = wordsOf(t.list)
	return t
})
