// Package locale tells Fyne which language a machine without one speaks. It must
// be initialised before Fyne is, so it imports nothing but the standard library.
package locale

import (
	"os"
	"strings"
)

// Under LANG=C.UTF-8, the usual locale of servers and containers, Fyne prints
// three lines of error at every start. LANGUAGE outranks LANG for messages only,
// so that the character set stays what it was.
func init() {
	if os.Getenv("LANGUAGE") != "" {
		return
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := os.Getenv(name); value != "" {
			if strings.HasPrefix(value, "C.") {
				os.Setenv("LANGUAGE", "en")
			}
			return
		}
	}
}
