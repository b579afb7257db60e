// Command slipway-probe is the readiness probe that images carry.
package main

func main() {}
