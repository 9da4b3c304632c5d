package remote

import (
	"errors"
	"net/url"
	"strings"
)

// ParseOrigin parses the absolute http or https URL of an API. The error completes a sentence ("the URL of X ...").
func ParseOrigin(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case raw == "":
		return nil, errors.New("is empty")
	case err != nil:
		return nil, errors.New("cannot be understood; it should look like https://host")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("must begin with https://")
	case u.Host == "":
		return nil, errors.New("names no host; it should look like https://host")
	case u.User != nil:
		return nil, errors.New("must not hold a user name or password")
	}
	return u, nil
}

// SameOrigin reports whether two URLs have the same scheme, host and port. A scheme's own port counts as no port.
func SameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b) &&
		a.Host != ""
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
		return "443"
	case "http":
		return "80"
	}
	return ""
}
