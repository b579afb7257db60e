package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"time"

	"github.com/slipway-build/slipway/bench/peer"
)

// How long a sample of latency or throughput takes.
const sampleTime = 5 * time.Second

// measureProxy compares the proxy of a host with its upstream alone and with nginx in front
// of the same container.
func measureProxy(ctx context.Context, b *bench) ([]Figure, error) {
	y, err := b.openYard(ctx)
	if err != nil {
		return nil, err
	}
	defer y.close(ctx)
	if _, err := y.deploy(ctx, setting{strategy: "rolling", replicas: 1, web: served{version: "v"}, rpc: served{version: "v"}}); err != nil {
		return nil, err
	}
	upstreams := map[string]string{"web": "8080", "rpc": "50051"}
	for service, port := range upstreams {
		c, err := y.container(ctx, service)
		if err != nil {
			return nil, err
		}
		upstreams[service] = net.JoinHostPort(c.Status.IP, port)
	}
	n, err := b.startNginx(ctx, upstreams["web"])
	if err != nil {
		return nil, err
	}
	defer n.stop()
	p99, err := alternate(ctx, b.runs, b.httpLatency(upstreams["web"]), b.httpLatency(y.web), b.httpLatency(n.address), rpcLatency(upstreams["rpc"]), rpcLatency(y.rpc))
	if err != nil {
		return nil, err
	}
	rate, err := alternate(ctx, b.runs, throughput(y.web), throughput(n.address))
	if err != nil {
		return nil, err
	}
	direct, ours, nginxs, directRPC, oursRPC := median(p99[0]), median(p99[1]), median(p99[2]), median(p99[3]), median(p99[4])
	return []Figure{
		atMost("latency that the proxy adds, HTTP, p99 at 200/s", 1, ours-direct, "ms",
			fmt.Sprintf("%.2f ms against %.2f ms of the container itself; nginx adds %.2f ms", ours, direct, nginxs-direct)),
		atMost("latency that the proxy adds, gRPC, p99 at 200/s", 1, oursRPC-directRPC, "ms", fmt.Sprintf("%.2f ms against %.2f ms of the container itself", oursRPC, directRPC)),
		atMost("throughput of nginx ÷ that of the proxy (goal: at least 0.8 of nginx)", 1/0.8, ratio(rate[1], rate[0]), "×",
			fmt.Sprintf("nginx %.0f requests/s, the proxy %.0f, %.2f of it; wrk with 32 connections", median(rate[1]), median(rate[0]), ratio(rate[0], rate[1]))),
	}, nil
}

// httpLatency is the 99th percentile in milliseconds.
func (b *bench) httpLatency(address string) trial {
	return func(ctx context.Context, _ int) (float64, error) {
		l, err := b.startHTTP(ctx, "http://"+address+"/")
		if err != nil {
			return 0, err
		}
		wait(ctx, sampleTime)
		answers, err := l.stop()
		return p99(answers, err)
	}
}

// rpcLatency is the same for gRPC.
func rpcLatency(address string) trial {
	return func(ctx context.Context, _ int) (float64, error) {
		l, err := newRPCLoad(address)
		if err != nil {
			return 0, err
		}
		limited, cancel := context.WithTimeout(ctx, sampleTime)
		defer cancel()
		l.run(limited, loadRate)
		return p99(l.answers, l.close())
	}
}

func p99(answers []answer, err error) (float64, error) {
	if n, why := failures(answers); err == nil && n > 0 {
		err = errors.New(why)
	}
	return milliseconds(latency(answers, 0.99)), err
}

// throughput is requests a second of 32 clients that wait for each answer. wrk needs less
// of the machine's processors than what it asks, so that it does not decide.
func throughput(address string) trial {
	return func(ctx context.Context, _ int) (float64, error) {
		out, err := peer.Execute(ctx, peer.Command{Argv: []string{"wrk", "--threads", "1", "--connections", "32", "--duration", sampleTime.String(), "http://" + address + "/"}})
		if err != nil {
			return 0, err
		}
		return parseWrk(out.Stdout)
	}
}

var (
	wrkRate   = regexp.MustCompile(`(?m)^Requests/sec:\s+([0-9.]+)$`)
	wrkErrors = regexp.MustCompile(`(?m)^\s*(?:Socket errors|Non-2xx).*$`)
)

// parseWrk reads the rate that wrk reports. Any failed request is an error.
func parseWrk(out []byte) (float64, error) {
	if bad := wrkErrors.Find(out); bad != nil {
		return 0, fmt.Errorf("wrk reports: %s", bad)
	}
	m := wrkRate.FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("wrk reports no rate:\n%s", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}
