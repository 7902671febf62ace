package store

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"columna/spine"
)

// childVariable, when set, makes the test binary a child that writes to the
// database it names until it is killed.
const childVariable = "COLUMNA_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever says each thing it has written after the call returned.
func writeForever(path string) error {
	db, err := Open(path)
	if err != nil {
		return err
	}
	id, err := db.AddCase(ctx, study(1), files(1), "child")
	if err != nil {
		return err
	}
	last := int64(0)
	for n, version := 1, 0; ; n++ {
		if last, err = db.AppendJournal(ctx, id, last, "base", "edit", []byte(fmt.Sprint(n))); err != nil {
			return err
		}
		fmt.Println("stroke", n)
		if n%7 != 0 {
			continue
		}
		if version, err = db.SaveCorrection(ctx, Correction{CaseID: id, Parent: version, Journal: last, Mask: mask(n), Author: "child"}); err != nil {
			return err
		}
		last = 0
		fmt.Println("version", version, n)
	}
}

func TestKill9_LosesAtMostWhatWasNotYetWritten(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Skip("the test binary cannot be found")
	}
	for round := range 4 {
		path := filepath.Join(t.TempDir(), "columna.db")
		stroke, version, saved := killedAfter(t, exe, path, 20+37*round)
		db, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		clean(t, db)
		var id int64
		if err := db.read.QueryRow("SELECT id FROM cases").Scan(&id); err != nil {
			t.Fatal(err)
		}
		latest, err := db.FindCorrection(ctx, id, 0)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := db.Journal(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		// The child may have committed one thing more than it could say.
		if latest.Version != version && latest.Version != version+1 {
			t.Errorf("version %d was said to be saved, %d is there", version, latest.Version)
		}
		want := stroke - saved
		if latest.Version == version+1 {
			want = 0
		}
		if len(entries) != want && len(entries) != want+1 {
			t.Errorf("%d strokes were said to be written after version %d, %d are there", want, version, len(entries))
		}
		db.Close()
	}
}

// killedAfter runs a child and kills it after so many lines; it returns the last
// stroke, the last version and the stroke of that version that the child named.
func killedAfter(t *testing.T, exe, path string, lines int) (stroke, version, saved int) {
	t.Helper()
	child := exec.Command(exe, "-test.run=^$")
	child.Env = append(os.Environ(), childVariable+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	for n := 0; scan.Scan(); n++ {
		if strings.HasPrefix(scan.Text(), "stroke") {
			fmt.Sscanf(scan.Text(), "stroke %d", &stroke)
		} else {
			fmt.Sscanf(scan.Text(), "version %d %d", &version, &saved)
		}
		if n == lines {
			child.Process.Kill() // SIGKILL; lines still in the pipe are read on
		}
	}
	child.Wait()
	if stroke < lines/2 {
		t.Fatalf("the child ended after stroke %d", stroke)
	}
	return stroke, version, saved
}

func TestMigrate_MakesEachStepOnceAndRefusesTheFuture(t *testing.T) {
	raw := rawDB(t, filepath.Join(t.TempDir(), "m.db"))
	steps := fstest.MapFS{"m/001_a.sql": {Data: []byte("CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);")}}
	for range 2 {
		if err := migrate(ctx, raw, steps, "m"); err != nil {
			t.Fatal(err)
		}
	}
	steps["m/002_b.sql"] = &fstest.MapFile{Data: []byte("ALTER TABLE a ADD COLUMN y TEXT NOT NULL DEFAULT 'old';")}
	if err := migrate(ctx, raw, steps, "m"); err != nil {
		t.Fatal(err)
	}
	var x, rows, version int
	var y string
	if err := raw.QueryRow("SELECT x, y, (SELECT count(*) FROM a) FROM a").Scan(&x, &y, &rows); err != nil || x != 1 || y != "old" || rows != 1 {
		t.Errorf("row %d, %q, %d rows, %v", x, y, rows, err)
	}
	steps["m/003_c.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE c (x INTEGER); INSERT INTO nowhere VALUES (1);")}
	if err := migrate(ctx, raw, steps, "m"); err == nil {
		t.Error("a step that fails was made")
	}
	if err := raw.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 2 {
		t.Errorf("after the failed step the layout is %d (%v)", version, err)
	}
	if err := raw.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'c'").Scan(&rows); err != nil || rows != 0 {
		t.Error("half of the failed step is there")
	}
	delete(steps, "m/002_b.sql")
	delete(steps, "m/003_c.sql")
	if err := migrate(ctx, raw, steps, "m"); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a layout of the future: %v", err)
	}
}

func TestOpen_RefusesFilesOfOtherPrograms(t *testing.T) {
	dir := t.TempDir()
	raw := rawDB(t, filepath.Join(dir, "foreign.db"))
	if _, err := raw.Exec("CREATE TABLE bookmarks (x)"); err != nil {
		t.Fatal(err)
	}
	raw.Close()
	if err := os.WriteFile(filepath.Join(dir, "text.db"), []byte(strings.Repeat("not a database at all\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"foreign.db", "text.db"} {
		if db, err := Open(filepath.Join(dir, name)); err == nil {
			db.Close()
			t.Errorf("%s was opened", name)
		}
	}
}

func TestOpen_TakesPathsWithOddSigns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%20é&_txlock=exclusive", "columna.db")
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the database is not at its path: %v", err)
	}
}

func TestOpen_TakesRightsAwayFromOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "columna.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
}

// rawDB opens a file past the store, as somebody with an SQL tool would.
func rawDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	raw, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	raw.SetMaxOpenConns(1)
	t.Cleanup(func() { raw.Close() })
	return raw
}

func TestRows_CannotBeChangedOrRemoved(t *testing.T) {
	db := filled(t)
	for _, q := range []string{
		"UPDATE grades SET grade = 'severe'", "DELETE FROM grades", "UPDATE corrections SET author = 'x'", "DELETE FROM corrections",
		"DELETE FROM masks", "UPDATE masks SET blob = x'00'", "UPDATE audit SET author = 'x'", "DELETE FROM audit", "DELETE FROM cases",
		"UPDATE analyses SET document = '{}'", "DELETE FROM key_images", "UPDATE key_image_marks SET removed = 1", "UPDATE reader_states SET state = 'accepted'", "UPDATE slices SET path = ''", "DELETE FROM series",
	} {
		if _, err := db.write.Exec(q); err == nil {
			t.Errorf("%s was done", q)
		}
	}
}

// filled has a case with everything.
func filled(t *testing.T) *DB {
	t.Helper()
	db := opened(t)
	id := added(t, db, 1)
	analysisID, err := db.SaveAnalysis(ctx, id, analysis(), "ai")
	if err != nil {
		t.Fatal(err)
	}
	for v := range 2 {
		if _, err := db.SaveCorrection(ctx, Correction{CaseID: id, Parent: v, AnalysisID: analysisID, Mask: mask(v), Author: "A"}); err != nil {
			t.Fatal(err)
		}
	}
	g := ReaderGrade{GradeFinding: spine.GradeFinding{Level: spine.L4L5, Grade: spine.Severe}, Author: "A"}
	if err := db.SetGrade(ctx, id, g); err != nil {
		t.Fatal(err)
	}
	if err := db.SetState(ctx, id, StateChange{State: spine.InReview, Author: "A"}); err != nil {
		t.Fatal(err)
	}
	key, _, err := db.AddKeyImage(ctx, id, keyImage("picture"))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.RemoveKeyImage(ctx, id, key, true, "A"); err != nil {
		t.Fatal(err)
	}
	clean(t, db)
	return db
}

func TestCheck_FindsWhatWasTamperedWith(t *testing.T) {
	for name, q := range map[string]string{
		"a grade":              "UPDATE grades SET grade = 'normal_mild'",
		"a grade's author":     "UPDATE grades SET author = 'B'",
		"a removed grade":      "DELETE FROM grades",
		"a grade put in":       "INSERT INTO grades SELECT 99, case_id, condition, level, grade, reason, author, created_at FROM grades",
		"an analysis":          "UPDATE analyses SET document = replace(document, '3fa9', '3fa8')",
		"a correction's mask":  "UPDATE corrections SET mask_id = 1 WHERE version = 2",
		"a mask":               "UPDATE masks SET blob = (SELECT blob FROM masks WHERE id = 2), sha256 = (SELECT sha256 FROM masks WHERE id = 2) WHERE id = 3",
		"a mask's bytes":       "UPDATE masks SET blob = substr(blob, 1, 60) WHERE id = 1",
		"a mask's size":        "UPDATE masks SET size_k = 7 WHERE id = 1",
		"the files":            "UPDATE slices SET path = '/other'",
		"a patient":            "UPDATE cases SET patient_name = 'other'",
		"a key image":          "UPDATE key_images SET png = x'00'",
		"a key image's mark":   "DELETE FROM key_image_marks",
		"an audit line":        "UPDATE audit SET author = 'B' WHERE id = 3",
		"an audit line's time": "UPDATE audit SET created_at = '2020' WHERE id = 3",
		"a removed audit line": "DELETE FROM audit WHERE id = 3",
		"the audit's end":      "DELETE FROM audit WHERE id = (SELECT max(id) FROM audit)",
		"the worklist":         "UPDATE worklist SET worst_grade = 0",
		"an absent line":       "DELETE FROM worklist",
		"a lost parent":        "UPDATE corrections SET parent_id = NULL",
	} {
		db := filled(t)
		if err := tamper(db, q); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		problems, err := db.Check(ctx)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(problems) == 0 {
			t.Errorf("%s: nothing was found", name)
		}
	}
}

// tamper takes the triggers away first.
func tamper(db *DB, q string) error {
	rows, err := db.write.Query("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
	if err != nil {
		return err
	}
	var names []string
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			return err
		}
		names = append(names, n)
	}
	rows.Close()
	for _, n := range names {
		if _, err := db.write.Exec("DROP TRIGGER " + n); err != nil {
			return err
		}
	}
	_, err = db.write.Exec(q)
	return err
}

func TestBackup_IsWholeAndPrivateWhileWorkGoesOn(t *testing.T) {
	db := filled(t)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		last := int64(0)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				last, _ = db.AppendJournal(ctx, 1, last, "b", "edit", []byte{byte(n)})
			}
		}
	})
	path := filepath.Join(t.TempDir(), "copy.db")
	err := db.Backup(ctx, path)
	close(stop)
	writer.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("the copy has mode %o", info.Mode().Perm())
	}
	if err := db.Backup(ctx, path); err == nil {
		t.Error("a backup was overwritten")
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	clean(t, again)
	if c, err := again.FindCorrection(ctx, 1, 0); err != nil || c.Version != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestReaders_SeeWholeStatesBesideAWriter(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	done := make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				c, err := db.FindCorrection(ctx, id, 0)
				if err != nil && !errors.Is(err, ErrNotFound) {
					t.Error(err)
					return
				}
				if err == nil && c.Mask.Data[0] != mask(c.Version).Data[0] {
					t.Errorf("version %d has another version's mask", c.Version)
					return
				}
			}
		})
	}
	for v := range 15 {
		if _, err := db.SaveCorrection(ctx, Correction{CaseID: id, Parent: v, Mask: mask(v + 1), Author: "A"}); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	all.Wait()
}

func TestWorklist_PagesCoverEveryCaseOnce(t *testing.T) {
	db := opened(t)
	for n := range 25 {
		added(t, db, n)
	}
	for _, key := range []SortKey{"", ByChanged, ByDate, ByName, ByPatient, ByWorst, ByFlags, ByState} {
		for _, ascending := range []bool{false, true} {
			seen := map[int64]bool{}
			for offset := 0; offset < 25; offset += 10 {
				rows, total, err := db.Worklist(ctx, Filter{SortBy: key, Ascending: ascending, Offset: offset, Limit: 10})
				if err != nil || total != 25 {
					t.Fatalf("%s: %d of %d, %v", key, len(rows), total, err)
				}
				for _, r := range rows {
					seen[r.ID] = true
				}
			}
			if len(seen) != 25 {
				t.Errorf("%s: %d different cases on all pages", key, len(seen))
			}
		}
	}
	if _, _, err := db.Worklist(ctx, Filter{SortBy: "1; DROP TABLE cases"}); err == nil {
		t.Error("an unknown column was taken")
	}
}

func TestWorklist_FindsWordsInAnyCase(t *testing.T) {
	db := opened(t)
	for n := range 12 {
		added(t, db, n)
	}
	for text, want := range map[string]int{"ÄRZTIN": 12, "p003": 1, "lws muster": 12, "p003 p004": 0, "%": 0, "": 12} {
		if _, total, err := db.Worklist(ctx, Filter{Text: text}); err != nil || total != want {
			t.Errorf("%q: %d cases, want %d (%v)", text, total, want, err)
		}
	}
}

func TestWorklist_ShowsTheWorstGradeTheReaderLeft(t *testing.T) {
	db := opened(t)
	id := added(t, db, 1)
	row := func() Row {
		rows, _, err := db.Worklist(ctx, Filter{})
		if err != nil || len(rows) != 1 {
			t.Fatal(len(rows), err)
		}
		return rows[0]
	}
	if r := row(); r.WorstGrade != spine.Ungraded || r.AIState != AINone || r.State != spine.Unread {
		t.Errorf("before: %+v", r)
	}
	if _, err := db.SaveAnalysis(ctx, id, analysis(), "ai"); err != nil {
		t.Fatal(err)
	}
	if r := row(); r.WorstGrade != spine.Moderate || r.AIState != AIAnalysed || r.Flags != 1 || strings.Join(r.Sequences, " ") != "T1 ax-T2" {
		t.Errorf("after the AI: %+v", r)
	}
	cell := spine.GradeFinding{Condition: spine.SpinalCanalStenosis, Level: spine.L4L5, Grade: spine.NormalMild}
	if err := db.SetGrade(ctx, id, ReaderGrade{GradeFinding: cell}); err != nil {
		t.Fatal(err)
	}
	before := row().Changed
	if r := row(); r.WorstGrade != spine.NormalMild {
		t.Errorf("after the reader: %+v", r)
	}
	if err := db.SetState(ctx, id, StateChange{State: spine.Accepted}); err != nil {
		t.Fatal(err)
	}
	if r := row(); r.State != spine.Accepted || !r.Changed.After(before) {
		t.Errorf("after accepting: %+v", r)
	}
	if _, total, _ := db.Worklist(ctx, Filter{State: spine.Unread}); total != 0 {
		t.Errorf("%d unread cases", total)
	}
}

func TestTimes_SortAsText(t *testing.T) {
	a := time.Date(2024, 1, 1, 0, 0, 0, 100_000_000, time.UTC)
	b := a.Add(20 * time.Millisecond)
	if !(a.Format(timeLayout) < b.Format(timeLayout)) || !parseTime(a.Format(timeLayout)).Equal(a) {
		t.Errorf("%s, %s", a.Format(timeLayout), b.Format(timeLayout))
	}
}
