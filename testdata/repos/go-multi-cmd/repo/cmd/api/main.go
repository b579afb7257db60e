// Command api takes orders.
package main

import (
	"cmp"
	"log"
	"net/http"
	"os"

	"example.com/desk/internal/queue"
	"example.com/desk/internal/web"
)

func main() {
	addr := ":" + cmp.Or(os.Getenv("PORT"), "9000")
	log.Fatal(http.ListenAndServe(addr, web.Handler(queue.New())))
}
