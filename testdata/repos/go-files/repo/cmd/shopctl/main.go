// Command shopctl prints the catalogue.
package main

import (
	"fmt"
	"os"

	"example.com/team/shop/v2/catalog"
)

func main() {
	items, err := catalog.Load(os.Args[1])
	fmt.Println(items, err)
}
