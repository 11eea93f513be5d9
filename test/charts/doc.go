// Package charts has no code: its tests judge the charts with helm and with a real API server.
package charts
