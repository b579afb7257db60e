// Command slipway-probe is the readiness probe that images carry: one static
// binary that answers to the flags and exit codes of grpc_health_probe, and to
// a plain URL.
//
//	slipway-probe -addr=localhost:50051 -service=shop.Cart
//	slipway-probe http://localhost:3004/health
//	slipway-probe tcp://localhost:5432
//
// Built with the tag probetls it speaks TLS too, and is twice as large.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Stdout, os.Stderr))
}
