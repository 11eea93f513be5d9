// Package cli is what a command line says when it is wrong: the errors that end a command, their hints, and the names that
// were most likely meant.
package cli

import "errors"

// ErrFindings and ErrBlind end a command that has printed all there is to say.
var (
	ErrFindings = errors.New("findings")
	ErrBlind    = errors.New("something could not be read")
)

// HintError is an error with the command that helps.
type HintError struct {
	error

	Hint string
}

func (e HintError) Unwrap() error { return e.error }

// Hint adds to an error the command or the change that helps.
func Hint(err error, text string) error { return HintError{err, text} }
