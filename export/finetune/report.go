package finetune

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"columna/export/dataset"
	"columna/export/train"
	"columna/models"
)

// Used is one correction that a run learned from or was judged on.
type Used struct {
	ID      string `json:"id"`
	Patient string `json:"patient"` // a pseudonym
	SHA256  string `json:"sha256"`  // of what was accepted
}

// Plan is everything that decides what comes of a run. It stands in run.json.
type Plan struct {
	Net         string  `json:"net"`
	Parent      string  `json:"parent"` // SHA-256 of the model in use
	Holdout     string  `json:"holdout"`
	Learn       []Used  `json:"learn"`
	HeldOut     []Used  `json:"held_out"`
	Steps       int     `json:"steps"`
	LR          float64 `json:"lr"`
	EMA         float64 `json:"ema"`
	Seed        uint64  `json:"seed"`
	ReplayShare float64 `json:"replay_share"` // of every step
	Phantoms    int     `json:"phantoms"`     // replayed
	SPIDER      bool    `json:"spider"`       // replayed too
	Judged      int     `json:"replay_phantoms"`
}

func newPlan(o *Options, learn, held []dataset.Entry) (*Plan, error) {
	p := &Plan{Net: o.Parent.Name, Parent: o.Parent.SHA256, Holdout: o.Holdout.SHA256, Steps: o.Steps, LR: o.LR, EMA: ema, Seed: o.Seed,
		ReplayShare: train.ReplayShare, Phantoms: phantoms, SPIDER: o.SPIDER != "", Judged: o.Replay}
	var err error
	if p.Learn, err = used(learn); err == nil {
		p.HeldOut, err = used(held)
	}
	return p, err
}

func used(list []dataset.Entry) (out []Used, err error) {
	for _, e := range list {
		sum, err := e.SHA256()
		if err != nil {
			return nil, err
		}
		out = append(out, Used{e.ID, e.Patient, sum})
	}
	return out, nil
}

// RunName names the folder of a run by all that decides what comes of it, so that the
// same call goes on with it and another one does not.
func RunName(o Options) (string, error) {
	o.fill()
	learn, held, err := Split(o.Cases, o.Holdout)
	if err != nil {
		return "", err
	}
	p, err := newPlan(&o, learn, held)
	if err != nil {
		return "", err
	}
	b, _ := json.Marshal(p) // texts and numbers: cannot fail
	sum := sha256.Sum256(b)
	return p.Net + "-" + hex.EncodeToString(sum[:6]), nil
}

// open writes the plan into a new run folder and holds an old one to it.
func (p *Plan) open(dir string) error {
	path := filepath.Join(dir, "run.json")
	b, err := os.ReadFile(path)
	if err == nil {
		old := &Plan{}
		if json.Unmarshal(b, old) != nil || !reflect.DeepEqual(old, p) {
			return fmt.Errorf("the run folder %s is of other corrections, another model or other options: name another one", dir)
		}
		return nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the run folder cannot be made: %w", err)
	}
	return writeJSON(path, p)
}

func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}

// The decisions.
const (
	Accepted = "accepted"
	Refused  = "refused"
)

// Report is the gate's: what was asked, what was found, what was decided and why.
type Report struct {
	Decision     string   `json:"decision"`
	Reasons      []string `json:"reasons"`
	Candidate    string   `json:"candidate"` // SHA-256
	Parent       string   `json:"parent"`    // of the model in use
	Net          string   `json:"net"`
	Corrections  int      `json:"corrections"`
	Patients     int      `json:"patients"`
	HeldOut      int      `json:"held_out_patients"`
	HeldOutCases int      `json:"held_out_cases"`
	Checks       []Check  `json:"checks"`
	Plan         *Plan    `json:"plan"`
	At           string   `json:"at"` // RFC 3339
	LearnSeconds float64  `json:"learn_seconds"`
	JudgeSeconds float64  `json:"judge_seconds"`
}

func newReport(o *Options, p *Plan, candidate *models.Model, checks []Check) *Report {
	r := &Report{Decision: Accepted, Candidate: candidate.SHA256, Parent: o.Parent.SHA256, Net: o.Parent.Name, Checks: checks, Plan: p,
		Corrections: len(p.Learn), Patients: patientsOf(p.Learn), HeldOut: patientsOf(p.HeldOut), HeldOutCases: len(p.HeldOut),
		At: time.Now().UTC().Format(time.RFC3339)}
	for _, c := range failed(checks) {
		r.Decision = Refused
		r.Reasons = append(r.Reasons, c.String())
	}
	if r.Decision == Accepted {
		r.Reasons = append(r.Reasons, checks[0].String())
	}
	return r
}

func patientsOf(list []Used) int {
	var names []string
	for _, u := range list {
		names = append(names, u.Patient)
	}
	return len(distinct(names))
}

// Sentence is the decision with its first reason.
func (r *Report) Sentence() string {
	s := r.Decision + ": " + r.Reasons[0]
	if n := len(r.Reasons) - 1; n > 0 {
		s += fmt.Sprintf("; and %d more", n)
	}
	return s
}

// fill tells the candidate's card where it comes from.
func (r *Report) fill(m *models.Model) {
	parent := r.Parent
	m.Parent, m.Validated = parent, false
	m.Learned = &models.Learned{Corrections: r.Corrections, Patients: r.Patients, HeldOut: r.HeldOut, Steps: r.Plan.Steps, Date: r.At, Gate: figures(r.Checks)}
}

// save writes the report for programs and for people.
func (r *Report) save(dir string) error {
	f, err := os.OpenFile(filepath.Join(dir, "report.html"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	page, err := template.New("report").Funcs(template.FuncMap{"figure": Plain, "change": Signed, "short": models.Short}).Parse(reportPage)
	if err == nil {
		err = page.Execute(f, r)
	}
	return errors.Join(err, f.Close(), writeJSON(filepath.Join(dir, "report.json"), r))
}

//go:embed report.html
var reportPage string

// saveRecords keeps what was measured of every study.
func saveRecords(dir string, held readings, replay []readings) error {
	all := map[string]any{"held_out": held}
	for _, r := range replay {
		all[r.set] = r
	}
	return writeJSON(filepath.Join(dir, "records.json"), all)
}

// LoadReport reads the report of a run.
func LoadReport(document []byte) (*Report, error) {
	r := &Report{}
	if err := json.Unmarshal(document, r); err != nil || len(r.Reasons) == 0 {
		return nil, errors.New("the report of the fine-tuning is damaged")
	}
	return r, nil
}
