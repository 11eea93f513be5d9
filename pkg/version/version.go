// Package version says which build is running.
package version

// Version is the released version, set by the linker: -X .../pkg/version.Version=v1.2.3.
var Version = "v0.0.0-dev"
