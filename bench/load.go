package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slipway-build/slipway/bench/peer"
)

// The load of a host: requests a second of each protocol, and open streams in all.
const (
	loadRate    = 200
	loadStreams = 50
)

// answerLimit is how long an answer may take before a request counts as failed.
const answerLimit = 15 * time.Second

// answer is one request as its client saw it.
type answer struct {
	Began   time.Time
	Took    time.Duration
	Version string // of the service that answered; "": none did, or it did not say
	Failed  string // why it failed; "": it did not
}

func (a answer) ended() time.Time { return a.Began.Add(a.Took) }

// traffic is what the clients saw.
type traffic struct {
	http, grpc []answer
	streams    []stream
}

// between keeps the requests that began in a span of time.
func between(all []answer, from, to time.Time) []answer {
	return slices.DeleteFunc(slices.Clone(all), func(a answer) bool { return a.Began.Before(from) || !a.Began.Before(to) })
}

// failures counts the failed requests, and returns the reasons with their numbers.
func failures(all []answer) (n int, why string) {
	reasons := map[string]int{}
	for _, a := range all {
		if a.Failed != "" {
			n++
			reasons[a.Failed]++
		}
	}
	var words []string
	for reason, times := range reasons {
		words = append(words, fmt.Sprintf("%d × %s", times, reason))
	}
	slices.Sort(words)
	return n, strings.Join(words, "; ")
}

// longestGap is the longest time without a good answer within a span of time, which
// counts to the end of the span.
func longestGap(all []answer, from, to time.Time) time.Duration {
	var moments []time.Time
	for _, a := range all {
		if at := a.ended(); a.Failed == "" && at.After(from) && at.Before(to) {
			moments = append(moments, at)
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	longest, last := time.Duration(0), from
	for _, at := range append(moments, to) {
		longest, last = max(longest, at.Sub(last)), at
	}
	return longest
}

// latency is the time within which a share of the good requests was answered.
func latency(all []answer, share float64) time.Duration {
	var took []time.Duration
	for _, a := range all {
		if a.Failed == "" {
			took = append(took, a.Took)
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(share*float64(len(took))))]
}

// load is requests and streams that go on until stop.
type load struct {
	cancel  context.CancelFunc
	all     sync.WaitGroup
	http    *httpLoad
	rpc     *rpcLoad
	streams *streamLoad
}

// startLoad sends HTTP requests and WebSockets to one address, and gRPC to another.
func (b *bench) startLoad(ctx context.Context, web, rpc string) (*load, error) {
	ctx, cancel := context.WithCancel(ctx)
	l := &load{cancel: cancel, streams: &streamLoad{}}
	var err error
	if l.http, err = b.startHTTP(ctx, "http://"+web+"/"); err != nil {
		cancel()
		return nil, err
	}
	if l.rpc, err = newRPCLoad(rpc); err != nil {
		_, err = l.stop()
		return nil, err
	}
	l.all.Go(func() { l.rpc.run(ctx, loadRate) })
	for i := range loadStreams {
		open := webSocket(web)
		if i%2 == 1 {
			open = l.rpc.watch
		}
		l.all.Go(func() { l.streams.keep(ctx, open) })
	}
	return l, nil
}

// stop ends the load, after the requests that have begun.
func (l *load) stop() (traffic, error) {
	l.cancel()
	l.all.Wait()
	t := traffic{streams: l.streams.ended}
	var err error
	if l.rpc != nil {
		t.grpc, err = l.rpc.answers, l.rpc.close()
	}
	var problem error
	t.http, problem = l.http.stop()
	return t, errors.Join(err, problem)
}

// httpLoad is vegeta, which attacks until stop.
type httpLoad struct {
	program, dir string
	daemon       *peer.Daemon
}

// startHTTP starts an attack of loadRate requests a second.
func (b *bench) startHTTP(ctx context.Context, url string) (*httpLoad, error) {
	program, err := b.place().CompileVegeta(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := b.scratch("vegeta")
	if err != nil {
		return nil, err
	}
	h := &httpLoad{program: program, dir: dir}
	targets := filepath.Join(dir, "targets")
	if err := os.WriteFile(targets, []byte("GET "+url+"\n"), 0o644); err != nil {
		return nil, err
	}
	h.daemon, err = peer.StartDaemon(filepath.Join(dir, "log"), nil, program, "attack", "-targets", targets, "-output", filepath.Join(dir, "results"),
		"-rate", fmt.Sprint(loadRate), "-duration", "0", "-timeout", answerLimit.String(), "-max-body", "64")
	return h, err
}

// stop ends the attack and returns its answers.
func (h *httpLoad) stop() ([]answer, error) {
	h.daemon.Stop()
	out, err := peer.Execute(context.Background(), peer.Command{Argv: []string{h.program, "encode", "-to", "json", filepath.Join(h.dir, "results")}})
	if err != nil {
		return nil, err
	}
	answers, err := parseVegeta(out.Stdout)
	return answers, errors.Join(err, os.RemoveAll(h.dir))
}

// parseVegeta reads what `vegeta encode -to json` prints, a request a line. The first word
// of a body is the version.
func parseVegeta(lines []byte) ([]answer, error) {
	var out []answer
	scanner := bufio.NewScanner(bytes.NewReader(lines))
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var r struct {
			Code      int           `json:"code"`
			Timestamp time.Time     `json:"timestamp"`
			Latency   time.Duration `json:"latency"`
			Error     string        `json:"error"`
			Body      []byte        `json:"body"`
		}
		if err := json.Unmarshal(scanner.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("reading the results of vegeta: %w", err)
		}
		a := answer{Began: r.Timestamp, Took: r.Latency}
		a.Version, _, _ = strings.Cut(string(r.Body), " ")
		switch {
		case r.Code == 0:
			a.Version, a.Failed = "", r.Error
		case r.Code != 200:
			a.Failed = fmt.Sprintf("status %d", r.Code)
		}
		if r.Code == 502 || r.Code == 503 || r.Code == 504 {
			a.Version = "" // the proxy says that nobody answered
		}
		out = append(out, a)
	}
	if len(out) == 0 && scanner.Err() == nil {
		return nil, errors.New("vegeta sent no request")
	}
	return out, scanner.Err()
}
