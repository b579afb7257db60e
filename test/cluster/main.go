// Cluster starts a real Kubernetes of one node on this machine, for tests and for people:
//
//	go run ./test/cluster up      # prints how to reach it
//	go run ./test/cluster down
//
// It needs root and the network. The first time it compiles Kubernetes, which takes ten
// minutes of two cores; see package kubernetes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/slipway-build/slipway/test/cluster/kubernetes"
)

func main() {
	dir := flag.String("dir", kubernetes.DefaultDir(), "directory of the cluster")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: go run ./test/cluster [-dir DIR] up|down|build")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, verb string) error {
	o := kubernetes.Options{Dir: dir, Log: os.Stderr}
	switch verb {
	case "up":
		began := time.Now()
		c, err := kubernetes.Up(ctx, o)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "the cluster runs after %s; end it with: go run ./test/cluster down\n", time.Since(began).Round(100*time.Millisecond))
		fmt.Printf("nsenter --net=%s env KUBECONFIG=%s kubectl get pods -A\n", c.Network, c.Kubeconfig)
		return nil
	case "down":
		return kubernetes.Down(o)
	case "build":
		at, err := kubernetes.Build(ctx, o)
		fmt.Println(at)
		return err
	}
	flag.Usage()
	os.Exit(2)
	return nil
}
