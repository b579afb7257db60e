// Package outbound gives build steps a network that leads out, and nowhere into
// this machine. Each step has a network namespace with a loopback of its own.
// Rules of that namespace send every TCP connection that leaves it to a socket of
// this process, and so every question for a name; this process connects from the
// machine's network, unless the address belongs to the machine. Nothing of the
// machine itself is changed: there is nothing to clear away after a kill, other
// firewalls do not matter, and an ordinary user's build works the same way. UDP
// besides name resolution, and ICMP, do not leave the namespace.
//
//	networks := &outbound.Networks{Guard: outbound.Guard{Reachable: []string{"localhost:4873"}}}
//	n, err := networks.Take(ctx)
//	defer networks.Give(n)
//	// start a process in the network namespace at n.Path()
package outbound
