package cli

import (
	"fmt"
	"path/filepath"

	"columna/inference"
	"columna/models"
	"columna/review"
)

// listModels prints the cards of the networks in use, what became of those that were
// fine-tuned, or brings a former one back.
func listModels(e *env, args []string) error {
	history := e.flags.Bool("history", false, "what became of the models that were fine-tuned")
	rollback := e.flags.String("rollback", "", "network whose former model shall be in use again")
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	switch {
	case *rollback != "":
		return e.withDesk(func(d *review.Desk) error { return e.rollBack(d, *rollback) })
	case *history:
		return e.withDesk(e.modelHistory)
	}
	return e.modelCards()
}

// library is the user's model folder; the database need not be there.
func (e *env) library() models.Library {
	path, err := review.DatabasePath(e.db)
	if err != nil {
		return models.Library{}
	}
	return review.ModelLibrary(path)
}

// networks are the options of every pipeline of a command.
func (e *env) networks() inference.Config {
	return inference.Config{Library: e.library(), Threads: e.threads, Provider: e.provider, Notice: e.notice}
}

func (e *env) modelCards() error {
	out := struct {
		Models  []modelJSON        `json:"models"`
		Runtime *inference.Runtime `json:"runtime"` // null where ONNX Runtime is missing
	}{[]modelJSON{}, e.runtime()}
	for _, name := range models.Names() {
		m, err := e.library().Load(name)
		if err != nil {
			return err
		}
		card := "models/onnx/" + name + ".json"
		if m.Parent != "" {
			card = filepath.Join(e.library().Dir, name, m.SHA256, name+".json")
		}
		out.Models = append(out.Models, modelJSON{m.Spec, card})
	}
	if e.json {
		return e.print(out)
	}
	rows := [][]string{{"NET", "PRESET", "PARAMETERS", "GFLOPS", "SHA256", "TRAINED ON"}}
	for _, m := range out.Models {
		rows = append(rows, []string{m.Name, m.Preset, fmt.Sprint(m.Parameters), fmt.Sprintf("%.2f", m.GFLOPs), models.Short(m.SHA256), m.TrainedOn})
	}
	if out.Runtime != nil {
		rows = append(rows, []string{""}, []string{"ONNX Runtime " + out.Runtime.Version, "on " + out.Runtime.Provider})
	}
	return e.table(rows)
}

// runtime says what the networks run on; nil if they do not run here.
func (e *env) runtime() *inference.Runtime {
	p, err := inference.New(e.networks())
	if err != nil {
		return nil
	}
	defer p.Close()
	r, err := p.Runtime()
	if err != nil {
		return nil
	}
	return &r
}

// modelChangeJSON is a line of the history.
type modelChangeJSON struct {
	Action string `json:"action"`
	Net    string `json:"net"`
	SHA256 string `json:"sha256"`
	Parent string `json:"parent"`
	Reason string `json:"reason"`
	Author string `json:"author"`
	At     string `json:"at"`
}

func (e *env) modelHistory(d *review.Desk) error {
	changes, err := d.ModelHistory(e.ctx)
	if err != nil {
		return err
	}
	list, rows := []modelChangeJSON{}, [][]string{{"WHEN", "WHAT", "NET", "SHA256", "BEFORE", "BY", "WHY"}}
	for _, c := range changes {
		at := c.At.Local().Format("2006-01-02 15:04")
		list = append(list, modelChangeJSON{c.Action, c.Net, c.SHA256, c.Parent, c.Reason, c.Author, c.At.UTC().Format("2006-01-02T15:04:05Z")})
		rows = append(rows, []string{at, c.Action, c.Net, models.Short(c.SHA256), models.Short(c.Parent), c.Author, c.Reason})
	}
	if e.json {
		return e.print(map[string]any{"history": list})
	}
	if len(changes) == 0 {
		fmt.Fprintln(e.out, "No model was fine-tuned yet: the shipped ones are in use.")
		return nil
	}
	return e.table(rows)
}

func (e *env) rollBack(d *review.Desk, net string) error {
	m, err := d.Rollback(e.ctx, net)
	if err != nil {
		return err
	}
	if e.json {
		return e.print(map[string]string{"net": net, "sha256": m.SHA256, "in_use": origin(m)})
	}
	fmt.Fprintf(e.out, "%s %s is in use again: %s.\n", net, models.Short(m.SHA256), origin(m))
	return nil
}

// origin says where a model comes from.
func origin(m *models.Model) string {
	if m.Parent == "" {
		return "the shipped model"
	}
	return "fine-tuned"
}
