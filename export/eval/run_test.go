package eval

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"columna/spine"
)

func run(t *testing.T, r Reader, o RunOptions) []Record {
	t.Helper()
	out, err := Run(context.Background(), r, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRun_GoesOnWhereItWasStopped(t *testing.T) {
	set, reader := toySet("toys", 5)
	dir := t.TempDir()
	o := RunOptions{Sets: []Set{set}, Dir: dir, Models: []spine.ModelRef{{Name: "toy", SHA256: "1"}}}
	ctx, stop := context.WithCancel(context.Background())
	o.Progress = func(done, total int, what string) {
		if done == 3 {
			stop()
		}
	}
	if out, err := Run(ctx, reader, o); !errors.Is(err, context.Canceled) || len(out) != 3 {
		t.Fatalf("%d records, %v", len(out), err)
	}
	path := filepath.Join(dir, recordsFile)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"set":"toys","id":"3","cla`) // a power cut
	f.Close()
	reader.reads, o.Progress = 0, nil
	got := run(t, reader, o)
	if len(got) != 5 || reader.reads != 2 {
		t.Errorf("%d records after reading %d studies more, want 5 and 2", len(got), reader.reads)
	}
	kept, err := ReadRecords(dir)
	if err != nil || len(kept) != 5 {
		t.Fatalf("%d kept, %v", len(kept), err)
	}
	for n := range got {
		if a, b := got[n].Classes[0], kept[n].Classes[0]; !reflect.DeepEqual(a, b) || got[n].key() != kept[n].key() {
			t.Errorf("record %d is kept as %+v, was %+v", n, b, a)
		}
	}
}

func TestRun_NotesWhatCannotBeReadAndGoesOn(t *testing.T) {
	set, reader := toySet("toys", 3)
	delete(reader.truth, "toys-1")
	got := run(t, reader, RunOptions{Sets: []Set{set}, Dir: t.TempDir()})
	if len(got) != 3 || got[1].Failed != "the study shows no spine" || got[2].Failed != "" {
		t.Errorf("got %+v", got)
	}
	if s := Summarise("toys", "", got, 1); s.Failed != 1 || s.Studies != 3 || len(s.records) != 2 {
		t.Errorf("%d failed of %d, %d counted", s.Failed, s.Studies, len(s.records))
	}
}

func TestRun_DoesNotMixWhatDifferentNetworksRead(t *testing.T) {
	set, reader := toySet("toys", 1)
	o := RunOptions{Sets: []Set{set}, Dir: t.TempDir(), Models: []spine.ModelRef{{Name: "toy", SHA256: "1"}}}
	run(t, reader, o)
	o.Models[0] = spine.ModelRef{Name: "toy", SHA256: "2"}
	if _, err := Run(context.Background(), reader, o); err == nil || !strings.Contains(err.Error(), "choose another --out") {
		t.Errorf("got %v", err)
	}
}

func TestReadRecords_RefusesWhatIsNone(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadRecords(dir); err == nil || !strings.Contains(err.Error(), "holds no evaluation") {
		t.Errorf("an empty folder: %v", err)
	}
	for _, text := range []string{"x\n", "[1]\n", `{"set":3}` + "\n", strings.Repeat("a", maxRecord+1) + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, recordsFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadRecords(dir); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
