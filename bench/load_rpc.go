package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// rpcConnections is how many connections the calls share; each has its client.
const rpcConnections = 4

// rpcLoad calls the standard health service with grpc-go itself. ghz v0.93.0, the load
// generator of the field, is from 2021 with the gRPC of that time, and its module needs a
// linter and hundreds of other modules.
type rpcLoad struct {
	connections []*grpc.ClientConn

	mu      sync.Mutex
	answers []answer
}

func newRPCLoad(address string) (*rpcLoad, error) {
	l := &rpcLoad{}
	for range rpcConnections {
		c, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		l.connections = append(l.connections, c)
	}
	return l, nil
}

func (l *rpcLoad) close() (err error) {
	for _, c := range l.connections {
		err = errors.Join(err, c.Close())
	}
	return err
}

// run calls at a rate, whatever the calls before take, until ctx ends. It returns when all
// calls have ended.
func (l *rpcLoad) run(ctx context.Context, rate int) {
	var all sync.WaitGroup
	defer all.Wait()
	start := time.Now()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(rate)))):
		}
		all.Go(func() {
			a := l.call(context.WithoutCancel(ctx), i)
			l.mu.Lock()
			defer l.mu.Unlock()
			l.answers = append(l.answers, a)
		})
	}
}

// call asks for the health of "load", which the service answers as its mode says.
func (l *rpcLoad) call(ctx context.Context, i int) answer {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var header metadata.MD
	began := time.Now()
	_, err := l.client(i).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "load"}, grpc.Header(&header))
	a := answer{Began: began, Took: time.Since(began), Version: versionIn(header)}
	if err != nil {
		a.Failed = status.Convert(err).Code().String() + ": " + status.Convert(err).Message()
	}
	return a
}

func (l *rpcLoad) client(i int) grpc_health_v1.HealthClient {
	return grpc_health_v1.NewHealthClient(l.connections[i%len(l.connections)])
}

// watch opens a stream that stays open.
func (l *rpcLoad) watch(ctx context.Context) (string, func() error, error) {
	// A server that knows the deadline ends the stream a moment before ctx ends.
	endless, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, cancel)
	s, err := l.client(int(time.Now().UnixNano()%rpcConnections)).Watch(endless, &grpc_health_v1.HealthCheckRequest{Service: "load"})
	if err != nil {
		return "", nil, err
	}
	header, err := s.Header()
	if err != nil {
		return "", nil, err
	}
	return versionIn(header), func() error {
		_, err := s.Recv()
		return err
	}, nil
}

func versionIn(header metadata.MD) string {
	if v := header.Get("version"); len(v) > 0 {
		return v[0]
	}
	return ""
}

// quietRPC keeps grpc-go from writing its own lines between those of the benchmark.
func quietRPC() { grpclog.SetLoggerV2(grpclog.NewLoggerV2(discard{}, discard{}, discard{})) }

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
