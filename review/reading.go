package review

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"columna/inference"
	"columna/models"
	"columna/spine"
	"columna/volume"
)

// Heatmap is a Grad-CAM or a network's attention in the patient.
type Heatmap = inference.Heatmap

// HeatKind is what a heat map explains.
type HeatKind int

// The kinds of heat maps.
const (
	HeatStenosis  HeatKind = iota // the grade of Cond at Level
	HeatStructure                 // why voxels were called Structure
	HeatLesion                    // the class of the lesion in Box
	HeatAttention                 // where the network looked to grade Cond at Level
)

// HeatmapRequest asks for a heat map. Mask must not change meanwhile: give a
// Clone of the live one where strokes may go on.
type HeatmapRequest struct {
	Study     *spine.Study
	Mask      *volume.LabelMap
	Kind      HeatKind
	Cond      spine.Condition
	Level     spine.Level
	Structure spine.Structure
	Box       spine.Box
	Lesions   int // how many the study has, 0 if unknown
}

// Analyse runs the networks on a study whose volumes are loaded. It stores
// nothing; Session.SetAnalysis does. It may run in the background and ends within
// a second of ctx.
func (d *Desk) Analyse(ctx context.Context, study *spine.Study, p Progress) (a *spine.Analysis, err error) {
	err = d.reader.with(ctx, func(ctx context.Context, n *inference.Pipeline) error {
		a, err = n.Analyse(ctx, study, p)
		return err
	})
	return a, err
}

// Heatmap computes a heat map; it may run in the background.
func (d *Desk) Heatmap(ctx context.Context, r HeatmapRequest) (h *Heatmap, err error) {
	if r.Study == nil || r.Mask == nil && r.Kind != HeatLesion {
		return nil, errors.New("a heat map needs a study and its mask: analyse the case first")
	}
	err = d.reader.with(ctx, func(ctx context.Context, n *inference.Pipeline) error {
		switch r.Kind {
		case HeatStenosis:
			h, err = n.HeatmapStenosis(ctx, r.Study, r.Mask, r.Cond, r.Level)
		case HeatStructure:
			h, err = n.HeatmapStructure(ctx, r.Study, r.Mask, r.Structure)
		case HeatLesion:
			h, err = n.HeatmapLesion(ctx, r.Study, r.Mask, r.Box, r.Lesions)
		case HeatAttention:
			h, err = n.HeatmapAttention(ctx, r.Study, r.Mask, r.Cond, r.Level)
		default:
			err = fmt.Errorf("%d is no kind of heat map", int(r.Kind))
		}
		return err
	})
	return h, err
}

// Lesion is what the networks say of a marked lesion.
type Lesion struct {
	Finding  spine.LesionFinding
	Model    spine.ModelRef // the weights that said it
	Heat     *Heatmap       // where the images spoke for it, nil where Unheated says why
	Unheated error
}

// ClassifyLesion asks the networks what the lesion in r.Box is, and why; the
// mask, where there is one, tells the vertebra. It stores nothing;
// Session.AddLesion does. It may run in the background and ends within a second
// of ctx.
func (d *Desk) ClassifyLesion(ctx context.Context, r HeatmapRequest, p Progress) (l Lesion, err error) {
	if r.Study == nil {
		return l, errors.New("a lesion needs a study to lie in: open a case first")
	}
	err = d.reader.with(ctx, func(ctx context.Context, n *inference.Pipeline) error {
		p.say("primary site", 0.1)
		if l.Finding, err = n.ClassifyLesion(ctx, r.Study, r.Mask, r.Box, r.Lesions); err != nil {
			return err
		}
		for _, m := range n.Models() {
			if m.Name == inference.LesionNet {
				l.Model = spine.ModelRef{Name: m.Name, SHA256: m.SHA256}
			}
		}
		p.say("heat map", 0.5)
		l.Heat, l.Unheated = n.HeatmapLesion(ctx, r.Study, r.Mask, r.Box, r.Lesions)
		p.say("done", 1)
		return ctx.Err()
	})
	return l, err
}

// Models are the cards of the networks in use.
func (d *Desk) Models(ctx context.Context) (out []models.Spec, err error) {
	err = d.reader.with(ctx, func(_ context.Context, n *inference.Pipeline) error {
		out = n.Models()
		return nil
	})
	return out, err
}

// reader opens the networks when they are first needed and closes them when
// nobody uses them any more.
type reader struct {
	config inference.Config
	life   context.Context // ends when the desk closes
	end    context.CancelFunc

	mu     sync.Mutex // guards nets and closed
	nets   *networks
	closed bool
}

// networks are open networks and who uses them.
type networks struct {
	*inference.Pipeline
	users sync.WaitGroup
}

func newReader(c inference.Config) *reader {
	life, end := context.WithCancel(context.Background())
	return &reader{config: c, life: life, end: end}
}

// with runs f with the networks; closing the desk ends the context of f.
func (r *reader) with(ctx context.Context, f func(context.Context, *inference.Pipeline) error) error {
	n, err := r.open()
	if err != nil {
		return err
	}
	defer n.users.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.life, cancel)()
	if err := ctx.Err(); err != nil {
		return err
	}
	return f(ctx, n.Pipeline)
}

// open counts a user in, who must call users.Done.
func (r *reader) open() (*networks, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, errors.New("the worklist is closed")
	}
	if r.nets == nil {
		n, err := inference.New(r.config)
		if err != nil {
			return nil, err
		}
		r.nets = &networks{Pipeline: n}
	}
	r.nets.users.Add(1)
	return r.nets, nil
}

// reload lets whoever comes next have the models that are in use now. Who is reading
// ends with the networks that he began with.
func (r *reader) reload() {
	r.mu.Lock()
	old := r.nets
	r.nets = nil
	r.mu.Unlock()
	go old.free()
}

// free waits until nobody uses the networks.
func (n *networks) free() {
	if n != nil {
		n.users.Wait()
		n.Close()
	}
}

// close ends what runs, waits for it and frees the networks.
func (r *reader) close() {
	r.mu.Lock()
	r.closed = true
	old := r.nets
	r.nets = nil
	r.mu.Unlock()
	r.end()
	old.free()
}
