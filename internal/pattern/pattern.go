// Package pattern compiles regular expressions when they are first used: a
// command needs few of the hundred that there are, and compiling all of them was
// a tenth of the time of a build where nothing changed. It has nothing to refuse;
// a pattern that is not valid panics at its first use, and the house test
// compiles every one.
//
//	var digits = pattern.Lazy(`^\d+$`)
//	ok := digits().MatchString("80")
package pattern

import (
	"regexp"
	"sync"
)

// Lazy returns a function that compiles the expression at its first call. It is
// safe for concurrent use.
func Lazy(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
