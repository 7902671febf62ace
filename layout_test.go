package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// room is what one package may import of ours, and why not more.
type room struct {
	may []string
	why string
}

// rooms is the architecture; README.md lists the same packages for people.
var rooms = map[string]room{
	"volume":           {nil, "geometry stands on nothing"},
	"volume/nifti":     {[]string{"volume", "internal/files"}, "a file format knows arrays only"},
	"volume/metaimage": {[]string{"volume", "internal/files"}, "a file format knows arrays only"},
	"spine":            {[]string{"volume"}, "the clinical words do no I/O"},
	"internal/ort":     {nil, "the runtime knows tensors only"},
	"internal/files":   {nil, "bytes of files, of any format"},
	"internal/codec":   {nil, "compressed bytes to samples, knows no DICOM files"},
	"internal/encode":  {nil, "encoders for tests, independent of what decodes"},
	"internal/locale":  {nil, "must be initialised before the toolkit"},
	"internal/twin":    {[]string{"export/graph", "internal/ort"}, "compares graphs, knows no network"},
	"internal/orthanc": {nil, "starts an archive for tests, knows no image"},
	"models":           {[]string{"spine"}, "weights and cards, no behaviour"},
	"assets":           {nil, "embedded files only"},
	"phantom":          {[]string{"volume", "spine"}, "synthetic studies must not depend on how they are read"},
	"dicom/dataset":    {nil, "the encoding knows no images"},
	"dicom":            {[]string{"volume", "spine", "dicom/dataset", "internal/codec"}, "untrusted bytes stay in one room"},
	"dicom/seg":        {[]string{"internal/codec", "internal/files", "volume", "spine", "dicom", "dicom/dataset"}, "a segmentation is a label map and its source"},
	"dicom/sr":         {[]string{"internal/files", "volume", "spine", "dicom", "dicom/dataset"}, "a report is a reading and its source"},
	"dicom/sc":         {[]string{"internal/files", "dicom", "dicom/dataset"}, "a capture is a picture and its source"},
	"dicom/web":        {[]string{"dicom/dataset"}, "the only network; it moves files and looks at no image"},
	"dicom/deid":       {[]string{"dicom", "dicom/dataset"}, "takes identity out of files, knows no images"},
	"inference":        {[]string{"volume", "spine", "models", "internal/ort"}, "reading must not depend on training, storage or screens"},
	"annotate":         {[]string{"volume", "spine"}, "editing has no toolkit, clock or disk"},
	"store":            {[]string{"volume", "spine"}, "the only SQL; it knows domain types, a stroke is bytes to it"},
	"report":           {[]string{"internal/files", "volume", "volume/nifti", "volume/metaimage", "spine", "dicom"}, "exporters take domain types"},
	"export/graph":     {nil, "the graph builder is a library of its own"},
	"export/nets":      {[]string{"export/graph", "export/loss", "spine"}, "a network is a function of graph values"},
	"export/loss":      {[]string{"export/graph"}, "a loss is a function of graph values"},
	"export/metrics":   {nil, "statistics know numbers only"},
	"export/plot":      {nil, "a chart knows numbers and names only"},
	"export/dataset":   {[]string{"volume", "volume/nifti", "volume/metaimage", "spine", "phantom", "dicom"}, "data in, samples out; RSNA 2024 is DICOM"},
	"export/train": {[]string{"volume", "spine", "models", "internal/ort", "phantom", "inference",
		"export/graph", "export/nets", "export/loss", "export/dataset", "export/metrics", "export/plot"}, "one preprocessing for training and serving"},
	"export/eval": {[]string{"volume", "spine", "models", "phantom", "inference", "internal/files", "export/dataset", "export/metrics"},
		"reads as the app does and measures; it trains nothing"},
	"export/finetune": {[]string{"spine", "models", "phantom", "inference", "export/dataset", "export/eval", "export/metrics", "export/nets", "export/train"},
		"learns and judges; it knows no database and installs nothing"},
	"export/ablate": {[]string{"models", "export/metrics", "export/train"}, "compares what training makes of variants"},
	"bench": {[]string{"annotate", "dicom", "dicom/dataset", "export/graph", "export/loss", "export/nets", "internal/ort", "phantom", "review",
		"spine", "store", "viewer/render", "volume"}, "measures the rooms from outside; nothing but cli knows it"},
	"viewer/render": {[]string{"volume", "spine", "assets"}, "pixels without a toolkit"},
	"viewer":        {[]string{"viewer/render", "volume", "spine", "assets"}, "widgets report gestures, they decide nothing"},
	"review": {[]string{"annotate", "internal/files", "dicom", "dicom/deid", "dicom/seg", "dicom/sr", "dicom/sc", "dicom/web", "export/dataset", "export/finetune", "export/nets", "export/train", "inference", "models", "phantom", "report",
		"spine", "store", "volume", "volume/metaimage", "volume/nifti"}, "the workflow knows every room but the screens"},
	"app": {[]string{"review", "viewer", "viewer/render", "volume", "spine", "assets", "annotate", "inference"}, "windows ask review"},
	"cli": {[]string{"bench", "internal/files", "review", "dicom", "dicom/seg", "dicom/deid", "export/ablate", "export/dataset", "export/nets", "export/graph", "export/train", "export/eval", "inference", "models", "phantom",
		"report", "spine", "viewer/render", "volume", "volume/metaimage", "volume/nifti", "annotate"}, "a thin layer over review and the rooms it prints"},
	"": {[]string{"app", "cli", "internal/locale"}, "main joins cli and app"},
}

// fences say who alone may touch a third-party library, and why.
var fences = []struct {
	prefix string
	only   []string
	why    string
}{
	{"fyne.io/fyne", []string{"app", "viewer"}, "everything else must build and run without a screen"},
	{"github.com/mattn/go-sqlite3", []string{"store"}, "the only SQL"},
	{"database/sql", []string{"store"}, "the only SQL"},
	{"github.com/yalue/onnxruntime_go", []string{"internal/ort"}, "one owner of the runtime"},
	{"github.com/tetratelabs/wazero", []string{"internal/codec"}, "foreign code runs in one bounded place"},
	{"github.com/suyashkumar/dicom", []string{"dicom/dataset"}, "it panics on hostile input; dicom guards it"},
	{"net/http", []string{"dicom/web"}, "patient data stays local"},
}

// pkg is a package as its files say it is.
type pkg struct {
	imports map[string]string // path -> file, outside tests
	doc     bool
}

func readPackages(t *testing.T) map[string]pkg {
	t.Helper()
	found := map[string]pkg{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go") {
			readFile(t, found, filepath.ToSlash(file))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func readFile(t *testing.T, found map[string]pkg, file string) {
	t.Helper()
	src, err := os.ReadFile(file) // read in process, so that the test cache sees the files
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if isTool(f) {
		return
	}
	dir := strings.TrimPrefix(path.Dir(file), ".")
	p, ok := found[dir]
	if !ok {
		p = pkg{imports: map[string]string{}}
	}
	p.doc = p.doc || f.Doc != nil
	for _, spec := range f.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		p.imports[name] = file
	}
	found[dir] = p
}

// isTool reports a file that no build includes, such as a generator.
func isTool(f *ast.File) bool {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Text == "//go:build ignore" {
				return true
			}
		}
	}
	return false
}

func TestLayout_PackagesImportOnlyWhatTheirRoomAllows(t *testing.T) {
	for dir, p := range readPackages(t) {
		r, ok := rooms[dir]
		if !ok {
			t.Errorf("package %q has no room: add it to layout_test.go and to README.md's table", dir)
			continue
		}
		for name, file := range p.imports {
			ours, ok := strings.CutPrefix(name, "columna/")
			if ok && !slices.Contains(r.may, ours) {
				t.Errorf("%s imports %s, which %q may not: %s", file, ours, dir, r.why)
			}
		}
	}
}

func TestLayout_LibrariesStayBehindTheirFences(t *testing.T) {
	for dir, p := range readPackages(t) {
		for name, file := range p.imports {
			for _, f := range fences {
				if (name == f.prefix || strings.HasPrefix(name, f.prefix+"/")) && !slices.Contains(f.only, dir) {
					t.Errorf("%s imports %s, which belongs to %v: %s", file, name, f.only, f.why)
				}
			}
		}
	}
}

func TestLayout_EveryPackageSaysWhatItIs(t *testing.T) {
	for dir, p := range readPackages(t) {
		if !p.doc {
			t.Errorf("package %q has no package comment", dir)
		}
	}
}

func TestLayout_ReadmeTableAndRoomsAgree(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\|").FindAllStringSubmatch(string(readme), -1) {
		listed[m[1]] = true
	}
	found := readPackages(t)
	for dir := range rooms {
		if dir == "" {
			continue
		}
		if !listed[dir] {
			t.Errorf("README.md's table does not list %q", dir)
		}
		if _, ok := found[dir]; !ok {
			t.Errorf("the room %q is empty", dir)
		}
	}
	for dir := range listed {
		if _, ok := rooms[dir]; !ok {
			t.Errorf("README.md lists %q, which is no room", dir)
		}
	}
}
