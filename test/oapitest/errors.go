package oapitest

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// apiError is an error as the API words it.
type apiError struct {
	status              int
	code, kind, details string
	retryAfter          time.Duration
}

func (e *apiError) Error() string { return fmt.Sprintf("%s (%s): %s", e.kind, e.code, e.details) }

func (e *apiError) reply() reply {
	return reply{"Errors": []map[string]string{{"Code": e.code, "Type": e.kind, "Details": e.details}}}
}

// fail makes an error with the type and status that belong to the code.
func fail(code, format string, args ...any) *apiError {
	e := &apiError{code: code, kind: kindOf(code), status: http.StatusBadRequest, details: fmt.Sprintf(format, args...)}
	switch code {
	case "1", "4", "5", "7", "14", "15", "20":
		e.status = http.StatusUnauthorized
	case "6":
		e.status = http.StatusServiceUnavailable
	case "24", "25":
		e.status = http.StatusTooManyRequests
	case "2000":
		e.status = http.StatusInternalServerError
	case "9039", "9085", "9094", "6007":
		e.status = http.StatusConflict
	}
	return e
}

func kindOf(code string) string {
	switch code {
	case "6", "24", "25":
		return "RequestLimitExceeded"
	case "15":
		return "InvalidTimestamp"
	case "2000":
		return "InternalError"
	case "3001":
		return "InvalidParameter"
	case "3002":
		return "InvalidParameterCombination"
	case "3010":
		return "InvalidContentType"
	case "7000":
		return "MissingParameter"
	case "8018":
		return "OperationNotSupported"
	case "10001":
		return "InsufficientCapacity"
	case "12000":
		return "InvalidAction"
	}
	return kindOfClass(code)
}

func kindOfClass(code string) string {
	if len(code) < 4 {
		return "AccessDenied"
	}
	switch {
	case strings.HasPrefix(code, "100"):
		return "TooManyResources (QuotaExceeded)"
	case code[0] == '4':
		return "InvalidParameterValue"
	case code[0] == '5':
		return "InvalidResource"
	case code[0] == '6':
		return "InvalidState"
	case code[0] == '9':
		return "ResourceConflict"
	}
	return "InternalError"
}

func (r *Region) statusOf(e *apiError) int {
	if status, ok := r.Uncertain.Status[e.code]; ok {
		return status
	}
	return e.status
}
