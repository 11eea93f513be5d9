// Command whole compiles.
package main

func main() {}
