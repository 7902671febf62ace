package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"columna/spine"
)

// The AI states of a case.
const (
	AINone     = "none"
	AIAnalysed = "analysed"
)

// Row is one line of the worklist.
type Row struct {
	ID          int64
	PatientID   string
	PatientName string
	Age         string // DICOM AS
	Sex         string
	Date        string   // YYYYMMDD
	Sequences   []string // T1, T2, STIR, .. sagittal; ax-T2 axial
	AIState     string
	WorstGrade  spine.Grade // the reader's where there is one, else the AI's
	Flags       int
	State       spine.ReaderState
	Changed     time.Time
}

// SortKey is a column of the worklist.
type SortKey string

// The columns that the worklist can be sorted by.
const (
	ByChanged SortKey = "changed"
	ByDate    SortKey = "date"
	ByName    SortKey = "name"
	ByPatient SortKey = "patient"
	ByWorst   SortKey = "worst"
	ByFlags   SortKey = "flags"
	ByState   SortKey = "state"
)

// column is the SQL of a sort key; the zero key is ByChanged.
func (k SortKey) column() (string, error) {
	switch k {
	case "", ByChanged:
		return "changed_at", nil
	case ByDate:
		return "date", nil
	case ByName:
		return "patient_name", nil
	case ByPatient:
		return "patient_id", nil
	case ByWorst:
		return "worst_grade", nil
	case ByFlags:
		return "flags", nil
	case ByState:
		return "state", nil
	}
	return "", fmt.Errorf("the worklist cannot be sorted by %q", string(k))
}

// Filter asks for a page of the worklist. The zero Filter is the first 100 cases,
// last changed first.
type Filter struct {
	Text      string            // in name, patient id or description; every word must occur
	State     spine.ReaderState // "" all
	SortBy    SortKey           // "" ByChanged
	Ascending bool
	Offset    int
	Limit     int // 0: 100, at most 1000
}

// Worklist reads a page and the number of all cases that the filter lets through.
func (db *DB) Worklist(ctx context.Context, f Filter) (rows []Row, total int, err error) {
	column, err := f.SortBy.column()
	if err != nil {
		return nil, 0, err
	}
	where, args := f.where()
	limit := min(max(f.Limit, 0), 1000)
	if limit == 0 {
		limit = 100
	}
	order := "DESC"
	if f.Ascending {
		order = "ASC"
	}
	err = db.view(ctx, "read the worklist", func(t *tx) error {
		if err := t.one("SELECT count(*) FROM worklist"+where, args, &total); err != nil {
			return err
		}
		q := fmt.Sprintf(`SELECT case_id, patient_id, patient_name, age, sex, date, sequences, ai_state, worst_grade, flags, state, changed_at
			FROM worklist%s ORDER BY %s %s, case_id %s LIMIT ? OFFSET ?`, where, column, order, order)
		return t.each(q, append(args, limit, max(f.Offset, 0)), func(scan func(...any) error) error {
			r, err := scanRow(scan)
			rows = append(rows, r)
			return err
		})
	})
	return rows, total, err
}

// where is the filter's SQL. Words are compared in lower case as Go folds it, as
// SQLite knows only the English letters.
func (f Filter) where() (sql string, args []any) {
	var all []string
	for _, word := range strings.Fields(strings.ToLower(f.Text)) {
		all = append(all, "instr(search, ?) > 0")
		args = append(args, word)
	}
	if f.State != "" {
		all = append(all, "state = ?")
		args = append(args, string(f.State))
	}
	if len(all) == 0 {
		return "", nil
	}
	if f.Text == "" {
		return " WHERE " + strings.Join(all, " AND "), args
	}
	// The words are looked for in the narrow index alone; the wide rows are read
	// for what was found.
	return " WHERE case_id IN (SELECT case_id FROM worklist INDEXED BY worklist_search WHERE " + strings.Join(all, " AND ") + ")", args
}

func scanRow(scan func(...any) error) (r Row, err error) {
	var sequences, state, changed string
	err = scan(&r.ID, &r.PatientID, &r.PatientName, &r.Age, &r.Sex, &r.Date, &sequences, &r.AIState, &r.WorstGrade, &r.Flags, &state, &changed)
	r.Sequences = strings.Fields(sequences)
	r.State = spine.ReaderState(state)
	r.Changed = parseTime(changed)
	return r, err
}

// refreshWorklist derives a case's line again from the tables of record.
func (t *tx) refreshWorklist(caseID int64) error {
	deleted, err := t.deleted(caseID)
	if err != nil {
		return err
	}
	if deleted {
		return t.exec("DELETE FROM worklist WHERE case_id = ?", caseID)
	}
	r, description, err := t.derive(caseID)
	if err != nil {
		return err
	}
	search := strings.ToLower(r.PatientName + " " + r.PatientID + " " + description)
	return t.exec(`INSERT OR REPLACE INTO worklist (case_id, patient_id, patient_name, age, sex, date, sequences, ai_state,
		worst_grade, flags, state, changed_at, search) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		caseID, r.PatientID, r.PatientName, r.Age, r.Sex, r.Date, strings.Join(r.Sequences, " "), r.AIState,
		int(r.WorstGrade), r.Flags, string(r.State), t.at, search)
}

// derive makes a worklist line, without the time of change.
func (t *tx) derive(caseID int64) (r Row, description string, err error) {
	r = Row{ID: caseID, AIState: AINone, WorstGrade: spine.Ungraded, State: spine.Unread}
	err = t.one("SELECT patient_id, patient_name, age, sex, date, description FROM cases WHERE id = ?", []any{caseID},
		&r.PatientID, &r.PatientName, &r.Age, &r.Sex, &r.Date, &description)
	if err != nil {
		return r, "", err
	}
	sequences, err := t.sequencesOf(caseID)
	if err != nil {
		return r, "", err
	}
	r.Sequences = strings.Fields(sequences)
	if err := t.deriveGrades(&r); err != nil {
		return r, "", err
	}
	r.State, err = t.state(caseID)
	return r, description, err
}

// deriveGrades fills in the AI's state, its flags and the worst grade of all
// cells, where the reader's grade of a cell stands over the AI's.
func (t *tx) deriveGrades(r *Row) error {
	var cells [spine.ConditionCount * spine.LevelCount]spine.Grade
	for n := range cells {
		cells[n] = spine.Ungraded
	}
	cell := func(g spine.GradeFinding) *spine.Grade {
		return &cells[int(g.Condition)*spine.LevelCount+int(g.Level)]
	}
	_, ai, err := t.latestDocument(r.ID)
	if err != nil && err != ErrNotFound {
		return err
	}
	if err == nil {
		r.AIState, r.Flags = AIAnalysed, len(ai.Flags)
		for _, g := range ai.Grades {
			*cell(g) = g.Grade
		}
	}
	graded, err := t.currentGrades(r.ID)
	if err != nil {
		return err
	}
	for _, g := range graded {
		*cell(g.GradeFinding) = g.Grade
	}
	r.WorstGrade = slices.Max(cells[:])
	return nil
}
