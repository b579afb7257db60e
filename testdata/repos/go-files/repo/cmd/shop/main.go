// Command shop serves a catalogue with pages that it reads from the disk.
package main

import (
	"flag"
	"fmt"
	"html/template"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"example.com/team/shop/v2/catalog"
)

func main() {
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	port := flags.Int("port", 9898, "port to listen on")
	debugPort := flags.Int("debug-port", 0, "port of the profiles; 0 is off")
	pages := flags.String("ui-path", "./ui", "directory of the pages")
	if err := flags.Parse(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
	items, err := catalog.Load(filepath.Join("data", "eu", "products.json"))
	if err != nil {
		log.Fatal(err)
	}
	page := template.Must(template.ParseFiles(filepath.Join(*pages, "list.html")))
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		if err := page.Execute(w, items); err != nil {
			log.Print(err)
		}
	})
	if *debugPort > 0 {
		go func() { log.Print(http.ListenAndServe(fmt.Sprintf("localhost:%d", *debugPort), nil)) }()
	}
	log.Fatal(http.ListenAndServe(fmt.Sprintf(":%d", *port), nil))
}
