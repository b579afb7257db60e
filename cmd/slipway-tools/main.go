// Command slipway-tools is the second program of Slipway: it answers one question of
// slipway with libraries that are too heavy for it. slipway carries and starts it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/slipway-build/slipway/internal/annex/serve"
)

func main() {
	if err := serve.Answer(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "slipway-tools: slipway starts this program, which reads a question on its standard input:", err)
		os.Exit(1)
	}
}
