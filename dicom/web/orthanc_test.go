package web

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"columna/dicom"
	"columna/internal/orthanc"
	"columna/phantom"
	"columna/spine"
)

// cyrillic is a name that Latin letters cannot write.
const cyrillic = "Иванов^Пётр"

// written makes a phantom's files.
func written(t testing.TB, seed uint64, name string) (*spine.Study, []Object) {
	t.Helper()
	p := phantom.Generate(seed, phantom.Options{Small: true, WithAxial: true, WithSTIR: true})
	p.Study.PatientName = name
	dir := t.TempDir()
	for n := range p.Study.Series {
		if err := dicom.WriteSeries(filepath.Join(dir, fmt.Sprint(n)), &p.Study, &p.Study.Series[n]); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.dcm"))
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	var objects []Object
	for _, file := range files {
		o, err := OpenObject(file)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	return &p.Study, objects
}

// login talks to Orthanc as its user.
func login(t testing.TB, a orthanc.Archive, password string) *Client {
	t.Helper()
	c, err := New(Endpoint{Name: "orthanc", URL: a.URL}, Credentials{User: orthanc.User, Password: NewSecret(password)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// folder is a sink of plain files.
type folder struct {
	*shelf
	dir string
}

func (f folder) Keep(file File) error {
	f.shelf.Keep(file)
	return os.WriteFile(filepath.Join(f.dir, file.Instance+".dcm"), file.Bytes, 0o600)
}

func TestOrthanc_AStudyComesBackVoxelForVoxel(t *testing.T) {
	a := orthanc.Start(t)
	t.Run("wrong password", func(t *testing.T) { wrongPassword(t, a) })
	c := login(t, a, orthanc.Password)
	study, objects := written(t, 7, cyrillic)
	stored, err := c.Store(t.Context(), objects, nil)
	if err != nil || stored.Taken != len(objects) || len(stored.Failed) != 0 {
		t.Fatalf("%+v %v", stored, err)
	}
	found, more, err := c.FindStudies(t.Context(), Query{PatientID: study.PatientID, Date: study.Date, Modality: "MR"})
	if err != nil || more || len(found) != 1 || found[0].UID != study.UID || found[0].Instances != len(objects) || found[0].Description != study.Description {
		t.Fatalf("%+v %v %v", found, more, err)
	}
	if found[0].PatientName != cyrillic {
		t.Errorf("the name is %q", found[0].PatientName)
	}
	none, _, err := c.FindStudies(t.Context(), Query{PatientID: "nobody"})
	if err != nil || len(none) != 0 {
		t.Errorf("nobody has %d studies, %v", len(none), err)
	}
	to := folder{newShelf(), t.TempDir()}
	got, err := c.Fetch(t.Context(), study.UID, to, nil)
	if err != nil || got.Files != len(objects) {
		t.Fatalf("%+v %v", got, err)
	}
	sameStudy(t, study, to.dir)
	if _, err := c.Fetch(t.Context(), "1.2.3.4", to, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown study: %v", err)
	}
}

// sameStudy holds an imported folder to the study that was written.
func sameStudy(t *testing.T, want *spine.Study, dir string) {
	t.Helper()
	r, err := dicom.Import(t.Context(), []string{dir}, nil)
	if err != nil || len(r.Studies) != 1 || len(r.Refused) != 0 {
		t.Fatalf("%v, %d studies, refused %v", err, len(r.Studies), r.Refused)
	}
	got := &r.Studies[0]
	if got.PatientName != cyrillic || len(got.Series) != len(want.Series) {
		t.Fatalf("%q with %d series, want %d", got.PatientName, len(got.Series), len(want.Series))
	}
	compared := 0
	for n := range got.Series {
		s := &got.Series[n]
		v, err := dicom.LoadSeries(t.Context(), r.Files[dicom.Key(s)])
		if err != nil {
			t.Fatal(err)
		}
		same := slices.ContainsFunc(want.Series, func(w spine.Series) bool {
			return w.UID == s.UID && v.Size == w.Volume.Size && slices.Equal(v.Data, w.Volume.Data)
		})
		if !same {
			t.Errorf("series %q differs", s.Description)
		}
		compared += len(v.Data)
	}
	t.Logf("%d voxels are identical", compared)
}

// wrongPassword must get one sentence that does not repeat it.
func wrongPassword(t *testing.T, a orthanc.Archive) {
	c := login(t, a, "wrong-password")
	err := c.Test(t.Context())
	if !errors.Is(err, ErrUnauthorised) || strings.Contains(err.Error(), "wrong-password") || strings.ContainsAny(err.Error(), "\n") {
		t.Errorf("%v", err)
	}
	if _, err := c.Fetch(t.Context(), "1.2", newShelf(), nil); !errors.Is(err, ErrUnauthorised) {
		t.Errorf("%v", err)
	}
}

// threeSeries puts a study of T1, T2 and STIR at a scanner's size into an archive.
func threeSeries(b *testing.B) (*Client, string, string) {
	a := orthanc.Start(b)
	c := login(b, a, orthanc.Password)
	p := phantom.Generate(11, phantom.Options{WithSTIR: true})
	dir := b.TempDir()
	for n := range p.Study.Series {
		if err := dicom.WriteSeries(filepath.Join(dir, fmt.Sprint(n)), &p.Study, &p.Study.Series[n]); err != nil {
			b.Fatal(err)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.dcm"))
	var objects []Object
	for _, file := range files {
		o, err := OpenObject(file)
		if err != nil {
			b.Fatal(err)
		}
		objects = append(objects, o)
	}
	if s, err := c.Store(b.Context(), objects, nil); err != nil || s.Taken != len(files) {
		b.Fatal(s, err)
	}
	b.Logf("%d series, %d images", len(p.Study.Series), len(files))
	return c, a.URL + "/studies/" + p.Study.UID, p.Study.UID
}

// BenchmarkOrthanc retrieves the study in two ways by turns, as machines are shared,
// and gives the best of each: Fetch finds its series, retrieves, checks and writes
// every image; curl writes the answer to one request for the study.
func BenchmarkOrthanc(b *testing.B) {
	c, address, uid := threeSeries(b)
	dir := b.TempDir()
	ways := map[string]func() error{
		"fetch-ms": func() error {
			_, err := c.Fetch(b.Context(), uid, folder{newShelf(), dir}, nil)
			return err
		},
		"curl-ms": func() error {
			return exec.Command("curl", "-sfo", filepath.Join(dir, "body"), "-u", orthanc.User+":"+orthanc.Password, "-H", "Accept: "+acceptFiles, address).Run()
		},
	}
	best := map[string]float64{}
	for b.Loop() {
		for name, way := range ways {
			began := time.Now()
			if err := way(); err != nil {
				b.Fatal(name, err)
			}
			ms := 1000 * time.Since(began).Seconds()
			if old, ok := best[name]; !ok || ms < old {
				best[name] = ms
			}
		}
	}
	for name, ms := range best {
		b.ReportMetric(ms, name)
	}
}
