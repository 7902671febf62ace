package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"columna/export/graph"
	"columna/export/nets"
	"columna/export/train"
	"columna/models"
)

// buildModel writes one of a network's three files with fresh weights.
func buildModel(e *env, args []string) error {
	preset := e.flags.String("preset", "compact", "sizes of the network")
	out := e.flags.String("out", "", "ONNX file to write")
	seed := e.flags.Uint64("seed", 1, "seed of the weights: the same seed gives the same file")
	o := train.FileOptions{}
	e.flags.StringVar(&o.Kind, "kind", models.Inference, "one of "+strings.Join(models.Kinds(), ", "))
	var leave []string
	e.flags.Func("without", "modules of the network to leave out, such as fdconv,gcn", names(&leave))
	batch := e.flags.String("batch", "", "samples at a time, or dynamic for any number; a training step's is fixed")
	e.flags.IntVar(&o.Opset, "opset", graph.DefaultOpset, "version of the ONNX operators, 17 to 20")
	e.flags.BoolVar(&o.Fixed, "fixed-size", false, "keep the preset's volume size where the network could leave it open; runs faster")
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	if err := e.required("out", *out); err != nil {
		return err
	}
	if o.Batch, err = batchSize(*batch, o.Kind); err != nil {
		return err
	}
	if o.Opset < 17 || o.Opset > 20 {
		return badUsage("--opset %d: choose 17 to 20", o.Opset)
	}
	net, err := nets.New(words[0], *preset, leave...)
	if err != nil {
		return badUsage("%v", err)
	}
	m, spec, err := train.Fresh(net, *seed, o)
	if err != nil {
		return err
	}
	if spec.SHA256, err = writeModel(*out, m); err != nil {
		return fmt.Errorf("the model cannot be written: %w", err)
	}
	if e.json {
		return e.print(modelJSON{spec, spec.Text()})
	}
	fmt.Fprint(e.out, spec.Text())
	fmt.Fprintf(e.out, "opset: %d\nsha256: %s\nfile: %s (%.1f MB)\n", spec.Opset, spec.SHA256, *out, float64(m.Size())/1e6)
	return nil
}

// batchSize reads --batch for a kind of file; 0 leaves the size to the file.
func batchSize(text, kind string) (int, error) {
	if !slices.Contains(models.Kinds(), kind) {
		return 0, badUsage("--kind %q: choose one of %s", kind, strings.Join(models.Kinds(), ", "))
	}
	switch n, err := strconv.Atoi(text); {
	case text == "":
		return 0, nil
	case text == "dynamic" && kind == models.Training:
		return 0, badUsage("--batch dynamic: a training step takes a fixed number of samples")
	case text == "dynamic":
		return 0, nil
	case err != nil || n < 1:
		return 0, badUsage("--batch %q: give a number of samples, or dynamic", text)
	default:
		return n, nil
	}
}

// writeModel writes a file whole or not at all and gives its hash.
func writeModel(path string, m *graph.Model) (hash string, err error) {
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return "", err
	}
	defer os.Remove(path + ".tmp") // gone once renamed
	sum := sha256.New()
	if _, err = m.WriteTo(io.MultiWriter(f, sum)); err != nil {
		f.Close()
		return "", err
	}
	if err = f.Close(); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), os.Rename(path+".tmp", path)
}
