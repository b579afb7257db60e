// App is a service for tests and figures of rollouts: HTTP with WebSockets at /ws on port
// 8080, gRPC with the standard health service on 50051. VERSION is what it answers; MODE
// makes it a bad one:
//
//	crash   ends soon after the start
//	sick    is never healthy
//	fail    is healthy and fails each request
//	slow    is healthy and answers half a second late
//	leak    takes 32 MB more each second
//	later   is good for five seconds after each start, then ends
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/net/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func main() {
	if len(os.Args) > 1 { // a hook
		fmt.Println("running", os.Args[1])
		if os.Args[1] == "fail" {
			fmt.Println("no table payments")
			os.Exit(3)
		}
		return
	}
	a := app{mode: os.Getenv("MODE"), version: os.Getenv("VERSION")}
	switch a.mode {
	case "crash":
		a.crash()
	case "later":
		time.AfterFunc(5*time.Second, a.crash)
	case "leak":
		go leak()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := a.serve(ctx); err != nil {
		log.Fatal(err)
	}
}

// app is the service, good or bad.
type app struct{ mode, version string }

func (a app) crash() {
	fmt.Println("starting")
	fmt.Println("no table payments")
	os.Exit(3)
}

// leak takes memory until something ends it.
func leak() {
	var kept [][]byte
	for range time.Tick(125 * time.Millisecond) {
		more := make([]byte, 4<<20)
		for i := 0; i < len(more); i += 4096 {
			more[i] = 1
		}
		kept = append(kept, more)
	}
	log.Print(len(kept))
}

// bad is what the mode does to a request; true: it fails.
func (a app) bad() bool {
	if a.mode == "slow" {
		time.Sleep(500 * time.Millisecond)
	}
	return a.mode == "fail"
}

// serve answers on both ports until ctx ends, and then what has begun.
func (a app) serve(ctx context.Context) error {
	web := &http.Server{Addr: ":8080", Handler: a.web()}
	rpc := a.rpc()
	listener, err := net.Listen("tcp", ":50051")
	if err != nil {
		return err
	}
	over := make(chan error, 2)
	go func() { over <- rpc.Serve(listener) }()
	go func() {
		if err := web.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			over <- err
		}
	}()
	select {
	case err := <-over:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	go func() {
		<-ending.Done()
		rpc.Stop()
	}()
	err = web.Shutdown(ending)
	rpc.GracefulStop()
	return err
}

func (a app) web() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if a.mode == "sick" {
			http.Error(w, "no database", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		if a.bad() {
			w.WriteHeader(http.StatusInternalServerError)
		}
		fmt.Fprintf(w, "%s %s", a.version, os.Getenv("TOKEN"))
	})
	mux.Handle("/ws", websocket.Server{Handler: func(c *websocket.Conn) { // of any origin
		_, _ = io.WriteString(c, a.version) // a client that went away needs nothing
		_, _ = io.Copy(c, c)
	}})
	return mux
}

// rpc answers Check and Watch, whose headers have the version.
func (a app) rpc() *grpc.Server {
	header := metadata.Pairs("version", a.version)
	s := grpc.NewServer(
		grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			if err := s.SetHeader(header); err != nil {
				return err
			}
			return next(srv, s)
		}),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			// Whoever asks for the server as a whole asks for its health, and the load for a name.
			if asked, ok := req.(*grpc_health_v1.HealthCheckRequest); ok && asked.Service == "load" && a.bad() {
				return nil, status.Error(codes.Internal, "no table payments")
			}
			if err := grpc.SetHeader(ctx, header); err != nil {
				return nil, err
			}
			return next(ctx, req)
		}))
	h := health.NewServer()
	for _, name := range []string{"", "load"} {
		if a.mode == "sick" {
			h.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
		} else {
			h.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVING)
		}
	}
	grpc_health_v1.RegisterHealthServer(s, h)
	return s
}
