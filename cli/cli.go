// Package cli is the headless commands of Columna: a thin layer over review that
// prints what the app shows. Results go to standard output, as one JSON object
// with --json; progress and the one sentence of an error go to standard error.
package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"columna/inference"
	"columna/review"
)

// Window is what a build with a toolkit adds. In a headless build it is empty.
type Window struct {
	// Run opens the reading room and returns when it is closed.
	Run func(ctx context.Context, desk *review.Desk) error
	// Screens draws the reading screens of a case as PNG files into dir and
	// returns their paths.
	Screens func(ctx context.Context, desk *review.Desk, caseID int64, dir string) ([]string, error)
}

// Exit codes.
const (
	exitOK    = 0
	exitFault = 1
	exitUsage = 2
)

// usageError is a mistake on the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// helpAnswer is the answer to --help.
type helpAnswer struct{ text string }

func (h helpAnswer) Error() string { return h.text }

func badUsage(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// command is one verb.
type command struct {
	name, args, summary string
	run                 func(*env, []string) error
}

func commands() []command {
	return []command{
		{"demo", "[--out DIR] [--seed N]", "a synthetic study through the whole road; with --out, or without a display, as files", demo},
		{"import", "PATH... [--json]", "DICOM folders, files and zip files, segmentations, NIfTI, MetaImage and dicomweb:NAME/STUDYUID into the worklist", importStudies},
		{"list", "[--search TEXT] [--json]", "the worklist", list},
		{"series", "CASE [--set UID[/BLOCK]=T2,sagittal] [--json]", "the series of a case, what they are and how sure that is; --set corrects it, =auto takes that back", listSeries},
		{"show", "CASE [--out PNG] [--level L4/L5] [--attention]", "draw the reading screen of a case", show},
		{"analyze", "CASE [--json]", "run the networks on a case and store the result", analyze},
		{"segment", "IN... --out MASK [--json]", "volumes in, label map out, no database; --t1 --t2 --stir name the sequence", segment},
		{"grade", "STUDYDIR [--json]", "the 25 stenosis grades of a study, no database", grade},
		{"key", "CASE [--add T2,sagittal] [--level L4/L5] [--remove N] [--restore N] [--json]", "the key images of a case; --add keeps one, --remove takes one out", keyImages},
		{"export", "CASE... --format seg,sr,key,nifti,mha,pdf,csv,rsna,png --out DIR [--deid]", "results as files; --deid leaves out who the patient is; rsna alone takes all accepted cases", export},
		{"deid", "IN... --out DIR [--dates shift] [--mapping FILE] [--json]", "copies of DICOM files without the patient's identity (PS3.15); or deid IN OUT", deidentify},
		{"pacs add", "NAME URL [--ca FILE]", "name an archive by the address of its DICOMweb service", addArchive},
		{"pacs list", "[--json]", "the named archives", listArchives},
		{"pacs remove", "NAME", "forget an archive", removeArchive},
		{"pacs test", "NAME", "ask an archive whether it lets us in", testArchive},
		{"pacs find", "NAME [--patient-id ID] [--name NAME] [--date DATE] [--json]", "studies of an archive", findStudies},
		{"pacs send", "NAME FILE... | NAME CASE --format seg,sr,key [--deid] [--json]", "store DICOM files, or results of a case, in an archive", sendToArchive},
		{"pacs forget", "CASE", "take a case off the worklist and remove the images retrieved for it", forgetCase},
		{"phantom", "--out DIR [--seed N] [--count K]", "synthetic studies as DICOM with their truth", makePhantoms},
		{"metrics", "REF PRED [--json]", "Dice, IoU, HD95 and ASSD of two label maps", metrics},
		{"convert", "IN OUT [--labels] [--json]", "between DICOM, NIfTI and MetaImage; a folder OUT takes every DICOM series, or a volume as DICOM", convert},
		{"models", "[--history] [--rollback NET] [--json]", "the networks in use and what is known of them; what became of fine-tuned ones, and back", listModels},
		{"model build", "NET --out FILE [--preset P] [--kind K] [--batch N]", "a network of fresh weights as ONNX: inference, gradcam or training", buildModel},
		{"model calibrate", "NET --dir DIR [--spider DIR] [--phantoms N] [--json]", "fit a model's temperature, and a segmentation's offsets, and write them to its card", calibrateModel},
		{"train", "NET [--without MODULE,..] [--dir DIR] [--spider DIR]", "train a network; a started run goes on where it stopped", trainNet},
		{"ablate", "NET [--dir DIR] [--seeds N] [--steps N] [--samples N] [--limit DURATION] [--json]", "train the variants of a paper's ablation at equal budget and compare them: " + ablatable() + "; goes on where it stopped", ablateNet},
		{"finetune", "[--steps N] [--spider DIR] [--dir DIR] [--json]", "teach the segmentation network from accepted corrections; it is used only if held-out patients say so", fineTune},
		{"eval", "[--set NAME,..] [--models DIR] [--count N] [--spider DIR] [--out DIR] [--compare DIR] [--json]", "measure the models on held-out studies, with intervals over patients and a report", evaluate},
		{"bench", "[NAME] [--rounds N] [--json]", "speed and memory, each beside a reference measured in the same run", measure},
		{"check", "[--json]", "verify the database", check},
		{"backup", "FILE", "copy the database while it is in use", backup},
	}
}

// env is what a command runs with.
type env struct {
	ctx      context.Context
	out, err io.Writer
	window   Window
	flags    *flag.FlagSet
	db       string
	threads  int
	provider string
	json     bool
	told     sync.Once // why the CPU works instead of the provider
}

// notice tells once why the networks run on the CPU.
func (e *env) notice(sentence string) {
	e.told.Do(func() { fmt.Fprintln(e.err, "columna:", sentence) })
}

// Main runs the command in args and returns the exit code. No command opens the
// window.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer, window Window) int {
	e := &env{ctx: ctx, out: stdout, err: stderr, window: window}
	err := dispatch(e, args)
	var usage usageError
	var answer helpAnswer
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &answer):
		fmt.Fprint(stdout, answer.text)
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "columna:", err)
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "columna: stopped")
	default:
		fmt.Fprintln(stderr, "columna:", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return exitFault
}

func dispatch(e *env, args []string) error {
	if len(args) > 0 && (args[0] == "help" || args[0] == "--help" || args[0] == "-h") {
		if len(args) > 1 { // the command says what it takes
			return dispatch(e, append(args[1:len(args):len(args)], "--help"))
		}
		help(e.out)
		return nil
	}
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			e.newFlags(c)
			return c.run(e, args[len(words):])
		}
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		return badUsage("there is no command %q; columna help lists them", args[0])
	}
	e.newFlags(command{name: ""})
	return openWindow(e, args)
}

func help(w io.Writer) {
	fmt.Fprintln(w, "columna opens the reading room; columna COMMAND does the same work without it.")
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range commands() {
		fmt.Fprintf(t, "  %s %s\t%s\n", c.name, c.args, c.summary)
	}
	t.Flush()
	fmt.Fprintln(w)
	fmt.Fprintln(w, "columna help COMMAND lists what a command takes.")
	fmt.Fprintln(w, "Everywhere: --db FILE (or COLUMNA_DB) names the database, --threads N bounds ONNX Runtime,")
	fmt.Fprintln(w, "--provider NAME (or COLUMNA_PROVIDER) runs the networks on "+strings.Join(inference.Providers()[1:], ", ")+" instead of the cpu.")
	fmt.Fprintln(w, "Exit code 0 on full success, 2 on bad usage, 1 otherwise. Not a medical device.")
}

// newFlags prepares the flags that every command takes.
func (e *env) newFlags(c command) {
	e.flags = flag.NewFlagSet(c.name, flag.ContinueOnError)
	e.flags.SetOutput(io.Discard)
	e.flags.StringVar(&e.db, "db", os.Getenv("COLUMNA_DB"), "database file")
	e.flags.IntVar(&e.threads, "threads", 0, "threads of ONNX Runtime, 0 = all cores")
	e.flags.StringVar(&e.provider, "provider", cmp.Or(os.Getenv("COLUMNA_PROVIDER"), "cpu"), "where the networks run: "+strings.Join(inference.Providers(), ", "))
	e.flags.BoolVar(&e.json, "json", false, "one JSON object on standard output")
	e.flags.Usage = func() {}
}

// parse reads flags and arguments in any order and returns the arguments, of
// which there must be min to max (max < 0: any number).
func (e *env) parse(args []string, min, max int) ([]string, error) {
	var words []string
	for len(args) > 0 {
		if err := e.flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, e.explain()
			}
			return nil, badUsage("%v; %s", err, e.usage())
		}
		rest := e.flags.Args()
		dashes := len(args) > len(rest) && args[len(args)-len(rest)-1] == "--"
		if len(rest) == 0 || dashes {
			words = append(words, rest...)
			break
		}
		words, args = append(words, rest[0]), rest[1:]
	}
	if len(words) < min || max >= 0 && len(words) > max {
		return nil, badUsage("%s", e.usage())
	}
	if !slices.Contains(inference.Providers(), e.provider) {
		return nil, badUsage("no execution provider %q (--provider or COLUMNA_PROVIDER): choose one of %s", e.provider, strings.Join(inference.Providers(), ", "))
	}
	if e.threads < 0 {
		return nil, badUsage("--threads cannot be negative")
	}
	return words, nil
}

func (e *env) usage() string {
	for _, c := range commands() {
		if c.name == e.flags.Name() {
			return "usage: columna " + strings.TrimSpace(c.name+" "+c.args)
		}
	}
	return "usage: columna [COMMAND]; columna help lists the commands"
}

// explain is the help on one command: usage, purpose, flags.
func (e *env) explain() helpAnswer {
	var b strings.Builder
	fmt.Fprintln(&b, e.usage())
	for _, c := range commands() {
		if c.name == e.flags.Name() {
			fmt.Fprintln(&b, c.summary)
		}
	}
	fmt.Fprintln(&b)
	e.flags.SetOutput(&b)
	e.flags.PrintDefaults()
	return helpAnswer{b.String()}
}

// required refuses an empty flag.
func (e *env) required(name, value string) error {
	if value == "" {
		return badUsage("--%s is missing; %s", name, e.usage())
	}
	return nil
}

// print writes v as JSON on one line.
func (e *env) print(v any) error {
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table prints aligned columns.
func (e *env) table(rows [][]string) error {
	t := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	return t.Flush()
}

// progress shows the state of long work on a terminal and nowhere else.
func (e *env) progress() func(stage string, fraction float64) {
	f, ok := e.err.(*os.File)
	if !ok {
		return func(string, float64) {}
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(string, float64) {}
	}
	return func(stage string, fraction float64) {
		fmt.Fprintf(f, "\r\x1b[K%3.0f %% %s", 100*fraction, stage)
		if fraction >= 1 {
			fmt.Fprint(f, "\r\x1b[K")
		}
	}
}
