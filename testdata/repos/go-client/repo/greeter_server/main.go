// Command greeter_server says hello.
package main

import (
	"fmt"
	"net/http"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") })
	panic(http.ListenAndServe(":8080", nil))
}
