package nets_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// CONTRIBUTING.md quotes the example whole, in pieces with words between them.
func TestContributing_QuotesTheExample(t *testing.T) {
	text, err := os.ReadFile("../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Add a network\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var quoted []string
	for _, m := range regexp.MustCompile("(?s)```go\n(.*?)\n```").FindAllStringSubmatch(section, -1) {
		quoted = append(quoted, m[1])
	}
	_, want, _ := strings.Cut(string(source), "\n)\n\n")
	if got := strings.Join(quoted, "\n\n") + "\n"; got != want {
		t.Errorf("the Go code of CONTRIBUTING.md is not that of example_test.go below its imports; they part at\n%s", parting(got, want))
	}
}

// parting is the first line of a that b has not in the same place.
func parting(a, b string) string {
	have := strings.Split(b, "\n")
	for i, line := range strings.Split(a, "\n") {
		if i >= len(have) || line != have[i] {
			return line
		}
	}
	return "the end"
}
