// Package bench measures what a scale-up of a whole cluster costs in calls, time, CPU and memory.
package bench
