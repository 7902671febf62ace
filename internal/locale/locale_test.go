package locale

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The rule acts when the program starts, so each case is a program of its own.
func TestInit_NamesALanguageOnlyWhereThereIsNone(t *testing.T) {
	if os.Getenv("COLUMNA_PRINT_LANGUAGE") != "" {
		os.Stdout.WriteString("LANGUAGE=" + os.Getenv("LANGUAGE") + ";")
		return
	}
	for _, c := range []struct{ env, want string }{
		{"LANG=C.UTF-8", "en"}, {"LC_ALL=C.UTF-8 LANG=de_DE.UTF-8", "en"}, {"LANG=de_DE.UTF-8", ""}, {"LANG=C", ""},
		{"LANG=C.UTF-8 LANGUAGE=fr", "fr"}, {"", ""},
	} {
		cmd := exec.Command(os.Args[0], "-test.run", "TestInit")
		cmd.Env = append(strings.Fields(c.env), "COLUMNA_PRINT_LANGUAGE=1")
		out, err := cmd.Output()
		if err != nil || !strings.Contains(string(out), "LANGUAGE="+c.want+";") {
			t.Errorf("%s: %s %v, want LANGUAGE=%s", c.env, out, err, c.want)
		}
	}
}
