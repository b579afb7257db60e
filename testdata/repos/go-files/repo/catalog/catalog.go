// Package catalog reads what there is to sell.
package catalog

import (
	"encoding/json"
	"os"
)

// unset is what a request without a peer is logged with.
const unset = "127.0.0.1:65535"

// Load reads a file of product names.
func Load(name string) ([]string, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	items := []string{}
	return items, json.Unmarshal(data, &items)
}
