package dataset

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// maxRows bounds a table: RSNA's longest has 50 thousand lines.
const maxRows = 1_000_000

// readTable gives row each line of a CSV file that has at least these columns.
func readTable(path string, columns []string, row func(map[string]string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	text := bufio.NewReader(f)
	if mark, err := text.Peek(3); err == nil && string(mark) == "\ufeff" { // a spreadsheet's
		text.Discard(3)
	}
	in := csv.NewReader(text)
	head, err := in.Read()
	if err != nil {
		return fmt.Errorf("table %s has no header", path)
	}
	for _, c := range columns {
		if !slices.Contains(head, c) {
			return fmt.Errorf("table %s has no column %q", path, c)
		}
	}
	for n := 2; ; n++ {
		line, err := in.Read()
		if err == io.EOF {
			return nil
		}
		if err == nil && n > maxRows {
			err = errors.New("it has more than a million lines")
		}
		if err == nil {
			values := map[string]string{}
			for c, name := range head {
				values[name] = strings.TrimSpace(line[c])
			}
			err = row(values)
		}
		if err != nil {
			return fmt.Errorf("table %s, line %d: %w", path, n, err)
		}
	}
}
