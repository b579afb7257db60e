package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// scoped names an environment of a fleet on a host. Each fleet has its own "staging"; no
// name of either has a "+". Without a fleet, it is the name of the environment alone.
func scoped(environment, fleet string) string {
	if environment == "" || fleet == "" {
		return environment
	}
	return environment + "+" + fleet
}

// unscoped is an environment as slipway.yaml names it, and its fleet.
func unscoped(name string) (environment, fleet string) {
	environment, fleet, _ = strings.Cut(name, "+")
	return environment, fleet
}

// described names an environment for the users of another one.
func described(name string) string {
	environment, fleet := unscoped(name)
	if fleet == "" {
		return environment
	}
	return environment + " of the fleet " + fleet
}

// groupPrefix begins the names of the groups of a side: readable, and its own.
func groupPrefix(at place, key string) string {
	sum := sha256.Sum256([]byte(at.environment + "\x00" + at.service + "\x00" + key))
	environment, _ := unscoped(at.environment)
	return fmt.Sprintf("%.16s.%.24s.%s.", environment, at.service, hex.EncodeToString(sum[:5]))
}
