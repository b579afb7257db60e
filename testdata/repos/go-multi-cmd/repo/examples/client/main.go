// Command client is an example and no service.
package main

func main() {}
