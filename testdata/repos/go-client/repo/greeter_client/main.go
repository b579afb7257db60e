// Command greeter_client asks the server once; people call it.
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {
	res, err := http.Get("http://localhost:8080/")
	if err != nil {
		panic(err)
	}
	_, _ = io.Copy(os.Stdout, res.Body)
}
