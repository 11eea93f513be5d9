package snapshot

// Cause is the kind of a failure, so that who prints it can name the remedy.
type Cause string

// Causes of failures. Of others, only the reason is known.
const (
	// CauseForbidden is the RBAC of the API server.
	CauseForbidden Cause = "forbidden"
	// CauseNotInstalled is a kind that the API server does not know: its CustomResourceDefinition is missing.
	CauseNotInstalled Cause = "not installed"
	// CauseNoAnswer is an Outscale that was asked and did not answer: the endpoint is wrong, away, or not trusted.
	CauseNoAnswer Cause = "no answer"
	// CauseRefused are credentials or a policy of Outscale.
	CauseRefused Cause = "refused"
)
