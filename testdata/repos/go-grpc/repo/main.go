// Command greeter serves the standard gRPC health service and reports on
// demo.greeter.Greeter.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	port := flag.Int("port", 50051, "the port to listen on")
	flag.Parse()
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", *port))
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	status := health.NewServer()
	status.SetServingStatus("demo.greeter.Greeter", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(server, status)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-stop
		server.GracefulStop()
	}()
	log.Printf("listening on %s", l.Addr())
	if err := server.Serve(l); err != nil {
		log.Fatal(err)
	}
}
