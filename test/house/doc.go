// Package house holds the structure of the repository to its rules, and draws docs/architecture.md's picture of it.
package house
