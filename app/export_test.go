package app

import (
	"path/filepath"
	"slices"
	"testing"

	"fyne.io/fyne/v2/storage"

	"columna/spine"
)

func TestExport_ASegmentationLeavesAndComesBackIntoTheOpenCase(t *testing.T) {
	r := sit(t)
	dir := t.TempDir()
	want := slices.Clone(r.mask().Data)
	r.room().exportSegmentation(dir)
	r.shows("Wrote ")
	r.room().exportSegmentation(dir)
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
