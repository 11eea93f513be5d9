// Package e2e holds scenarios on a whole cluster: build with the tag e2e.
package e2e
