// App is a service for tests of rollouts. VERSION is what it answers; MODE makes it a bad
// one: "crash" ends soon after the start, "sick" is never healthy.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
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
	mode := os.Getenv("MODE")
	if mode == "crash" {
		fmt.Println("starting")
		fmt.Println("no table payments")
		os.Exit(3)
	}
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if mode == "sick" {
			http.Error(w, "no database", http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%s %s", os.Getenv("VERSION"), os.Getenv("TOKEN"))
	})
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s := &http.Server{Addr: ":8080"}
	go func() {
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Shutdown(ending)
	}()
	if err := s.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // Shutdown ends the requests
}
