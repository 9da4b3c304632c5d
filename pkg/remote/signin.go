package remote

import "context"

// SignIn proves the credentials: it asks for a new token also while an old one is good. Where the token endpoint refuses,
// the old one stays in use, and the refusal is the error.
func (c *Client) SignIn(ctx context.Context) error {
	if c.tokens == nil {
		return nil
	}
	for {
		f, mine := c.tokens.begin()
		if mine {
			_, err := c.tokens.lead(ctx, f)
			return err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return interrupted(ctx)
		}
		if f.err != errAbandoned {
			return f.err
		}
	}
}

// begin returns the request for a token that is under way, or a new one that is the caller's to make.
func (t *tokens) begin() (f *flight, mine bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.under != nil {
		return t.under, false
	}
	t.under = &flight{done: make(chan struct{})}
	return t.under, true
}
