package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"columna/spine"
	"columna/volume"
)

// FileRef is where one slice was found. The app copies no images.
type FileRef struct {
	Path       string  // of the file or the zip
	ZipEntry   string  // "" for a plain file
	SOPUID     string  // SOPInstanceUID, to notice that the file is another one now
	Frame      int     // 0-based, of a multi-frame object
	PositionMM float64 // along the normal of the slices
}

// Case is one study as it was imported. Study.Series have no Volume; Files and
// Grids lie beside them, by the same index. A Grid of size zero is unknown.
type Case struct {
	ID    int64
	Study spine.Study
	Files [][]FileRef
	Grids []volume.Grid
	Added time.Time
}

// AddCase stores a study, with the files of each of its series, and returns its
// id. A study that is known keeps its id and its header; series that are new or
// were found in other places are added, and a deleted case comes back. It is
// ErrOtherPatient where the known study names another patient.
func (db *DB) AddCase(ctx context.Context, study *spine.Study, files [][]FileRef, author string) (id int64, err error) {
	if study.UID == "" {
		return 0, fmt.Errorf("store case: the study has no StudyInstanceUID")
	}
	if len(files) != len(study.Series) {
		return 0, fmt.Errorf("store case: %d lists of files for %d series", len(files), len(study.Series))
	}
	err = db.update(ctx, "store case", func(t *tx) error {
		var known bool
		if id, known, err = t.caseOf(study, author); err != nil {
			return err
		}
		added := 0
		for n := range study.Series {
			isNew, err := t.addSeries(id, &study.Series[n], files[n], author)
			if err != nil {
				return err
			}
			if isNew {
				added++
			}
		}
		if known && added == 0 {
			return nil
		}
		return t.refreshWorklist(id)
	})
	return id, err
}

// caseOf finds the row of a study, or adds it.
func (t *tx) caseOf(study *spine.Study, author string) (id int64, known bool, err error) {
	var patient string
	err = t.one("SELECT id, patient_id FROM cases WHERE study_uid = ?", []any{study.UID}, &id, &patient)
	if err == nil && patient != study.PatientID {
		return 0, false, ErrOtherPatient
	}
	if err == nil {
		deleted, err := t.deleted(id)
		if err == nil && deleted {
			err = t.markDeleted(id, 0, author, "imported again")
		}
		return id, !deleted, err
	}
	if err != ErrNotFound {
		return 0, false, err
	}
	id, err = t.insert(`INSERT INTO cases (study_uid, patient_id, patient_name, sex, age, date, description, field_t, created_at)
		VALUES (?,?,?,?,?,?,?,?,?)`, study.UID, study.PatientID, study.PatientName, study.Sex, study.Age, study.Date,
		study.Description, study.FieldT, t.at)
	if err != nil {
		return 0, false, err
	}
	return id, false, t.auditRow(author, "import", id, "cases", id, study.UID)
}

// addSeries stores a series unless the same one was stored last.
func (t *tx) addSeries(caseID int64, s *spine.Series, files []FileRef, author string) (isNew bool, err error) {
	same, err := t.sameSeries(caseID, s, files)
	if err != nil || same {
		return false, err
	}
	warnings, err := json.Marshal(s.Warnings)
	if err != nil {
		return false, err
	}
	var size [3]int
	affine := ""
	if s.Volume != nil {
		size = s.Volume.Size
		b, err := json.Marshal(s.Volume.Affine)
		if err != nil {
			return false, err
		}
		affine = string(b)
	}
	id, err := t.insert(`INSERT INTO series (case_id, uid, block, number, description, sequence, plane, confidence,
		frame_uid, sop_class, warnings, size_i, size_j, size_k, affine, files_sha, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		caseID, s.UID, s.Block, s.Number, s.Description, string(s.Sequence), string(s.Plane), s.Confidence,
		s.FrameOfReferenceUID, s.SOPClassUID, string(warnings), size[0], size[1], size[2], affine, filesDigest(files), t.at)
	if err != nil {
		return false, err
	}
	for k, f := range files {
		err := t.exec("INSERT INTO slices (series_id, k, path, zip_entry, sop_uid, frame, position_mm) VALUES (?,?,?,?,?,?,?)",
			id, k, f.Path, f.ZipEntry, f.SOPUID, f.Frame, f.PositionMM)
		if err != nil {
			return false, err
		}
	}
	return true, t.auditRow(author, "import", caseID, "series", id, s.UID)
}

// filesDigest is what the audit knows of a series' files.
func filesDigest(files []FileRef) string {
	parts := make([]string, 0, 5*len(files))
	for _, f := range files {
		parts = append(parts, f.Path, f.ZipEntry, f.SOPUID, fmt.Sprint(f.Frame), fmt.Sprint(f.PositionMM))
	}
	return digest(parts...)
}

// sameSeries reports whether the latest row of the series says the same.
func (t *tx) sameSeries(caseID int64, s *spine.Series, files []FileRef) (bool, error) {
	var id int64
	var sequence, plane string
	var sizeK int
	err := t.one(`SELECT id, sequence, plane, size_k FROM series WHERE case_id = ? AND uid = ? AND block = ?
		ORDER BY id DESC LIMIT 1`, []any{caseID, s.UID, s.Block}, &id, &sequence, &plane, &sizeK)
	if err == ErrNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	stored, err := t.files(id)
	if err != nil {
		return false, err
	}
	known := s.Volume == nil || sizeK == s.Volume.Size[2]
	return known && sequence == string(s.Sequence) && plane == string(s.Plane) && slices.Equal(stored, files), nil
}

// files reads the slices of a series row.
func (t *tx) files(seriesID int64) (out []FileRef, err error) {
	const q = "SELECT path, zip_entry, sop_uid, frame, position_mm FROM slices WHERE series_id = ? ORDER BY k"
	err = t.each(q, []any{seriesID}, func(scan func(...any) error) error {
		var f FileRef
		err := scan(&f.Path, &f.ZipEntry, &f.SOPUID, &f.Frame, &f.PositionMM)
		out = append(out, f)
		return err
	})
	return out, err
}

// FindCase reads a case; ErrNotFound where there is none or it is deleted.
func (db *DB) FindCase(ctx context.Context, id int64) (*Case, error) {
	c := &Case{ID: id}
	err := db.view(ctx, fmt.Sprintf("read case %d", id), func(t *tx) error {
		s, at := &c.Study, ""
		err := t.one(`SELECT study_uid, patient_id, patient_name, sex, age, date, description, field_t, created_at
			FROM cases WHERE id = ?`, []any{id}, &s.UID, &s.PatientID, &s.PatientName, &s.Sex, &s.Age, &s.Date, &s.Description, &s.FieldT, &at)
		if err != nil {
			return err
		}
		c.Added = parseTime(at)
		if deleted, err := t.deleted(id); err != nil || deleted {
			return orNotFound(err)
		}
		return t.readSeries(c)
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// CaseOfStudy finds the case of a StudyInstanceUID; ErrNotFound where there is none or
// it is deleted.
func (db *DB) CaseOfStudy(ctx context.Context, uid string) (id int64, err error) {
	err = db.view(ctx, "find the case of a study", func(t *tx) error {
		if err := t.one("SELECT id FROM cases WHERE study_uid = ?", []any{uid}, &id); err != nil {
			return err
		}
		if deleted, err := t.deleted(id); err != nil || deleted {
			return orNotFound(err)
		}
		return nil
	})
	return id, err
}

func orNotFound(err error) error {
	if err == nil {
		return ErrNotFound
	}
	return err
}

// readSeries adds the latest row of each series block, in the order in which
// they were first found.
func (t *tx) readSeries(c *Case) error {
	const q = `SELECT id, uid, block, number, description, ` + saidSequence + `, ` + saidPlane + `, ` + saidBy + `, confidence,
		frame_uid, sop_class, warnings, size_i, size_j, size_k, affine FROM ` + latestSeries + ` ORDER BY first`
	var rows []int64
	err := t.each(q, []any{c.ID, c.ID}, func(scan func(...any) error) error {
		row, s, g, err := scanSeries(scan)
		c.Study.Series = append(c.Study.Series, s)
		c.Grids = append(c.Grids, g)
		rows = append(rows, row)
		return err
	})
	if err != nil {
		return err
	}
	for n, row := range rows {
		files, err := t.files(row)
		if err != nil {
			return err
		}
		c.Files = append(c.Files, files)
		for _, f := range files {
			c.Study.Series[n].SOPUIDs = append(c.Study.Series[n].SOPUIDs, f.SOPUID)
		}
	}
	return nil
}

func scanSeries(scan func(...any) error) (row int64, s spine.Series, g volume.Grid, err error) {
	var sequence, plane, warnings, affine string
	err = scan(&row, &s.UID, &s.Block, &s.Number, &s.Description, &sequence, &plane, &s.CorrectedBy, &s.Confidence,
		&s.FrameOfReferenceUID, &s.SOPClassUID, &warnings, &g.Size[0], &g.Size[1], &g.Size[2], &affine)
	if err != nil {
		return row, s, g, err
	}
	s.Sequence, s.Plane = spine.Sequence(sequence), spine.Plane(plane)
	if s.CorrectedBy != "" {
		s.Confidence = 1
	}
	if err = json.Unmarshal([]byte(warnings), &s.Warnings); err == nil && affine != "" {
		err = json.Unmarshal([]byte(affine), &g.Affine)
	}
	if err != nil {
		err = fmt.Errorf("series row %d is damaged: %w", row, err)
	}
	return row, s, g, err
}

// DeleteCase marks a case as deleted; RestoreCase takes the mark back. Nothing
// of it is removed.
func (db *DB) DeleteCase(ctx context.Context, id int64, author, reason string) error {
	return db.update(ctx, fmt.Sprintf("delete case %d", id), func(t *tx) error {
		return t.markDeleted(id, 1, author, reason)
	})
}

// RestoreCase brings a deleted case back.
func (db *DB) RestoreCase(ctx context.Context, id int64, author, reason string) error {
	return db.update(ctx, fmt.Sprintf("restore case %d", id), func(t *tx) error {
		return t.markDeleted(id, 0, author, reason)
	})
}

func (t *tx) markDeleted(caseID int64, deleted int, author, reason string) error {
	now, err := t.deleted(caseID)
	if err != nil || now == (deleted == 1) {
		return err
	}
	id, err := t.insert("INSERT INTO case_deletions (case_id, deleted, author, reason, created_at) VALUES (?,?,?,?,?)",
		caseID, deleted, author, reason, t.at)
	if err != nil {
		return err
	}
	action := [...]string{"restore", "delete"}[deleted]
	if err := t.auditRow(author, action, caseID, "case_deletions", id, reason); err != nil {
		return err
	}
	return t.refreshWorklist(caseID)
}

// deleted reports whether the case's latest mark says so; ErrNotFound without
// the case.
func (t *tx) deleted(caseID int64) (deleted bool, err error) {
	err = t.one(`SELECT coalesce((SELECT deleted FROM case_deletions WHERE case_id = cases.id ORDER BY id DESC LIMIT 1), 0)
		FROM cases WHERE id = ?`, []any{caseID}, &deleted)
	return deleted, err
}

// sequencesOf names the sequences of a case, each once, sagittal before axial.
func (t *tx) sequencesOf(caseID int64) (string, error) {
	const q = "SELECT DISTINCT " + saidSequence + " AS word, " + saidPlane + " AS across FROM " + latestSeries + " ORDER BY across DESC, word"
	var names []string
	err := t.each(q, []any{caseID, caseID}, func(scan func(...any) error) error {
		var sequence, plane string
		err := scan(&sequence, &plane)
		if plane == string(spine.Axial) {
			sequence = "ax-" + sequence
		}
		names = append(names, sequence)
		return err
	})
	return strings.Join(names, " "), err
}
