package app

import (
	"path/filepath"
	"slices"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"

	"columna/spine"
)

func TestExport_ASegmentationLeavesAndComesBackIntoTheOpenCase(t *testing.T) {
	r := sit(t)
	dir := t.TempDir()
	want := slices.Clone(r.mask().Data)
	r.room().export(dir, []string{"seg"}, false)
	r.shows("Exported ")
	r.room().export(dir, []string{"seg"}, false)
	files, err := filepath.Glob(filepath.Join(dir, "*.seg.dcm"))
	if err != nil || len(files) != 2 {
		t.Fatalf("two exports left %v, %v", files, err)
	}
	before := r.room().session
	if says, _ := r.drop(storage.NewFileURI(files[0])); says == "" {
		t.Error("nothing was said")
	}
	r.wait("the case again", func() bool { return r.room() != nil && r.room().session != before && !r.app.jobs.busy() })
	r.shows(`Imported "Columna segmentation" as version 1 of the mask of case 1.`)
	if !slices.Equal(r.mask().Data, want) || count(r.mask(), spine.L3) == 0 {
		t.Error("the mask is not the segmentation")
	}
	if says, _ := r.drop(storage.NewFileURI(files[1])); says == "" {
		t.Error("nothing was said")
	}
	r.shows(`"Columna segmentation" is version 1 of the mask of case 1 already.`)
}

func TestExport_TheFormWritesWhatIsTickedAndRemembersIt(t *testing.T) {
	r := sit(t)
	dir := t.TempDir()
	if bare := newExportForm(r.room()); !bare.checks["key"].Disabled() {
		t.Error("key images are offered where there are none")
	}
	r.key(fyne.KeyK)
	f := newExportForm(r.room())
	f.show()
	f.folder.SetText("")
	f.export()
	if f.says.Text == "" {
		t.Error("no folder was asked for")
	}
	for _, c := range f.checks {
		c.SetChecked(true)
	}
	f.folder.SetText(dir)
	f.hide.SetChecked(true)
	f.export()
	r.shows("Exported 12 files to " + dir)
	for _, ending := range []string{"seg.dcm", "sr.dcm", "nii.gz", "mha", "pdf", "csv", "key1.sc.dcm", "ko.dcm", "rsna/train.csv"} {
		if files, err := filepath.Glob(filepath.Join(dir, "case-*."+ending)); err != nil || len(files) != 1 {
			t.Errorf("%s: %v %v", ending, files, err)
		}
	}
	again := newExportForm(r.room())
	if len(ticked(again.checks)) != 8 || again.folder.Text != dir || !again.hide.Checked {
		t.Errorf("forgotten: %v to %q, %v", ticked(again.checks), again.folder.Text, again.hide.Checked)
	}
}
