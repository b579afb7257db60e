// Command mailer sends what waits in the queue.
package main

import (
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"example.com/desk/internal/queue"
)

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	q := queue.New()
	for t := time.NewTicker(10 * time.Second); ; {
		select {
		case <-stop:
			return
		case <-t.C:
			log.Printf("%d mails to send", q.Len())
		}
	}
}
