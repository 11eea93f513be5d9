// Package chaos walks at random over what can go wrong around the product, and judges what is left when it is quiet
// again. The product is real: the CloudProvider, the API client, the controllers, and core's controllers around them. The
// region is the emulator. The API server is the fake client, and time is that of a synctest bubble, so that an hour costs
// a fraction of a second.
//
// Go's scheduler and the product's jitter are not seeded: a seed repeats the walk, and nearly always what comes of it.
package chaos
