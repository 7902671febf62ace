package inference

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"columna/internal/ort"
	"columna/models"
	"columna/spine"
)

// The names of the three networks.
const (
	SegmentationNet = "gfssnet"
	StenosisNet     = "stenosisnet"
	LesionNet       = "desamba"
)

// network is one model whose sessions are opened when they are first needed.
type network struct {
	name    string
	options ort.Options
	library models.Library

	mu       sync.Mutex
	model    *models.Model
	run, cam *ort.Session
}

// load finds the model without opening a session.
func (n *network) load() (*models.Model, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.loadLocked()
}

func (n *network) loadLocked() (*models.Model, error) {
	if n.model == nil {
		m, err := n.library.Load(n.name)
		if err != nil {
			return nil, err
		}
		n.model = m
	}
	return n.model, nil
}

// session opens the inference session, or that of the Grad-CAM.
func (n *network) session(cam bool) (*ort.Session, *models.Model, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m, err := n.loadLocked()
	if err != nil {
		return nil, nil, err
	}
	slot, onnx := &n.run, m.ONNX
	if cam {
		slot, onnx = &n.cam, m.CAM
	}
	if onnx == nil {
		return nil, nil, fmt.Errorf("model %s was built without a Grad-CAM: train or install it again", n.name)
	}
	if *slot == nil {
		if *slot, err = ort.NewSession(onnx, n.options); err != nil {
			return nil, nil, fmt.Errorf("model %s: %w", n.name, err)
		}
	}
	return *slot, m, nil
}

// infer runs the network.
func (n *network) infer(ctx context.Context, in map[string]ort.Tensor) (map[string]ort.Tensor, *models.Model, error) {
	s, m, err := n.session(false)
	if err != nil {
		return nil, nil, err
	}
	out, err := s.Run(ctx, fitting(s, in))
	if err != nil {
		return nil, nil, n.wrap(ctx, err)
	}
	return out, m, nil
}

// fitting leaves out the clinical features where the network was built without them.
func fitting(s *ort.Session, in map[string]ort.Tensor) map[string]ort.Tensor {
	if !slices.ContainsFunc(s.Inputs(), func(io ort.IO) bool { return io.Name == "tabular" }) {
		delete(in, "tabular")
	}
	return in
}

// explain runs the Grad-CAM graph; targets that in does not name are zero.
func (n *network) explain(ctx context.Context, in map[string]ort.Tensor) (map[string]ort.Tensor, *models.Model, error) {
	s, m, err := n.session(true)
	if err != nil {
		return nil, nil, err
	}
	for _, io := range s.Inputs() {
		if _, ok := in[io.Name]; !ok && strings.HasPrefix(io.Name, "cam_target") {
			in[io.Name] = zeros(io.Shape)
		}
	}
	out, err := s.Run(ctx, fitting(s, in))
	if err != nil {
		return nil, nil, n.wrap(ctx, err)
	}
	return out, m, nil
}

// wrap names the model in an error that is its fault.
func (n *network) wrap(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("model %s: %w", n.name, err)
}

func (n *network) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range []*ort.Session{n.run, n.cam} {
		if s != nil {
			s.Close()
		}
	}
	n.run, n.cam = nil, nil
}

func zeros(shape []int) ort.Tensor {
	shape, size := slices.Clone(shape), 1
	for a, d := range shape {
		shape[a] = max(d, 1)
		size *= shape[a]
	}
	return ort.Tensor{Shape: shape, Data: make([]float32, size)}
}

// output reads a named output of a known length.
func output(out map[string]ort.Tensor, model, name string, length int) ([]float32, error) {
	t, ok := out[name]
	if !ok || len(t.Data) != length {
		return nil, fmt.Errorf("model %s gives no output %q of %d values: it is not the network that this version expects", model, name, length)
	}
	return t.Data, nil
}

// ref names a model's weights.
func ref(m *models.Model) spine.ModelRef { return spine.ModelRef{Name: m.Name, SHA256: m.SHA256} }
