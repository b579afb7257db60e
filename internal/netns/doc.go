// Package netns makes network namespaces and works in them.
//
//	ns, err := netns.New()
//	err = netns.Inside(ns, func() error { listener, err = net.Listen("tcp", "127.0.0.1:80"); return err })
package netns
