package web

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
)

// hidden stands where a secret would.
const hidden = "***"

// Secret is a password or token. It prints as stars under every verb, in logs and
// as JSON; Reveal alone gives it away.
type Secret struct{ s string }

// NewSecret wraps a secret.
func NewSecret(s string) Secret { return Secret{s} }

// Reveal is the secret itself.
func (s Secret) Reveal() string { return s.s }

// Empty reports that there is none.
func (s Secret) Empty() bool { return s.s == "" }

// Format implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// String implements fmt.Stringer.
func (s Secret) String() string { return hidden }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Secret) UnmarshalText(b []byte) error {
	s.s = string(b)
	return nil
}

// Credentials say who asks: a user with a password (RFC 7617), or a bearer token
// (RFC 6750), or nobody.
type Credentials struct {
	User     string `json:"user"`
	Password Secret `json:"password"`
	Token    Secret `json:"token"`
}

// Empty reports that nobody is named.
func (c Credentials) Empty() bool { return c.User == "" && c.Password.Empty() && c.Token.Empty() }

func (c Credentials) check() error {
	bad := func(s string) bool {
		return len(s) > 16<<10 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F })
	}
	switch {
	case bad(c.User) || bad(c.Password.s) || bad(c.Token.s):
		return errors.New("the user name, password or token holds a line break or another control character")
	case strings.Contains(c.User, ":"):
		return errors.New("a user name cannot hold a colon")
	case !c.Token.Empty() && (c.User != "" || !c.Password.Empty()):
		return errors.New("give either a user name with a password or a token, not both")
	}
	return nil
}

// authorise puts the credentials where they travel.
func (c Credentials) authorise(r *http.Request) {
	switch {
	case !c.Token.Empty():
		r.Header.Set("Authorization", "Bearer "+c.Token.s)
	case !c.Empty():
		r.SetBasicAuth(c.User, c.Password.s)
	}
}

// redact takes every form of the secrets out of a text. Errors are made so that
// none is in them; this is the second lock.
func (c Credentials) redact(text string) string {
	basic := base64.StdEncoding.EncodeToString([]byte(c.User + ":" + c.Password.s))
	for _, s := range []string{c.Token.s, c.Password.s, basic} {
		if len(s) >= 3 {
			text = strings.ReplaceAll(text, s, hidden)
		}
	}
	return text
}
