package app

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"columna/review"
	"columna/spine"
)

func (r *reader) keyImages() []review.KeyImage {
	r.t.Helper()
	all, err := r.room().session.KeyImages(r.app.ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// find looks for a flat button by its word and fails without one.
func find(t *testing.T, o fyne.CanvasObject, word string) (found *flat) {
	t.Helper()
	var walk func(fyne.CanvasObject)
	walk = func(o fyne.CanvasObject) {
		switch o := o.(type) {
		case *flat:
			if found == nil && strings.HasPrefix(o.Text, word) {
				found = o
			}
		case *fyne.Container:
			for _, c := range o.Objects {
				walk(c)
			}
		case *widget.PopUp:
			walk(o.Content)
		}
	}
	walk(o)
	if found == nil {
		t.Fatalf("there is no button %q", word)
	}
	return found
}

func tap(t *testing.T, o fyne.CanvasObject, word string) {
	t.Helper()
	find(t, o, word).Tapped(nil)
}

func TestJourney_KKeepsTheImageInSightUntilItIsRemoved(t *testing.T) {
	r := sit(t)
	r.room().goLevel(spine.L4L5)
	r.key(fyne.KeyK)
	r.shows("Kept as a key image: T2 sagittal ")
	r.key(fyne.KeyK)
	r.shows("This picture is a key image already.")
	r.wheel(paneT2, -1)
	r.key(fyne.KeyK)
	r.room().next(2)
	r.key(fyne.KeyK)
	r.shows("Kept as a key image: T2 axial L4/L5 ")
	r.room().panel.show(tabKeys)
	r.look("keys-three")
	kept := r.keyImages()
	if len(kept) != 3 || !strings.HasSuffix(kept[0].Title, "L4/L5") || kept[0].SOPUID == kept[1].SOPUID || kept[0].Orientation != `P\F` || kept[2].Orientation != `L\P` {
		t.Fatalf("%d are kept", len(kept))
	}
	tap(t, r.room().panel.keys, "Remove")
	r.shows("Removed from the key images: " + kept[0].Title)
	if left := r.keyImages(); len(left) != 2 || left[0].ID != kept[1].ID {
		t.Errorf("%d are left", len(left))
	}
	r.look("keys-removed")
	tap(t, r.room().panel.keys, "removed: "+kept[0].Title)
	r.shows("A key image again: " + kept[0].Title)
	tap(t, r.room().panel.keys, kept[1].Title)
	if n, _ := r.pane(paneT2).Scene.Stack.Nearest(kept[1].PlaceLPS); r.pane(paneT2).Scene.Slice != n || r.room().cross != kept[1].PlaceLPS {
		t.Error("its name does not lead to where it was taken")
	}
	r.app.showWorklist()
	r.open()
	again := r.keyImages()
	if len(again) != 3 || string(again[2].PNG) != string(kept[2].PNG) {
		t.Errorf("%d came back", len(again))
	}
	find(t, r.room().panel.keys, kept[2].Title)
}

func TestKeepImage_ShowsTheSidesThoughEverythingIsHidden(t *testing.T) {
	r := sit(t)
	p := r.pane(paneT2)
	p.KeyDown(&fyne.KeyEvent{Name: fyne.KeySpace})
	bare := p.Scene
	r.key(fyne.KeyK)
	p.KeyUp(&fyne.KeyEvent{Name: fyne.KeySpace})
	picture, err := review.Picture(r.keyImages()[0])
	if err != nil || !bare.Marks.Bare {
		t.Fatal(bare.Marks.Bare, err)
	}
	bright, mid := 0, picture.Bounds().Dy()/2
	for y := mid - 20; y < mid+20; y++ {
		for x := 5; x < 40; x++ {
			if c, _, _, _ := picture.At(x, y).RGBA(); c > 0xC000 {
				bright++
			}
		}
	}
	if bright < 20 {
		t.Errorf("no letter stands at the left edge: %d bright pixels", bright)
	}
	r.room().active = paneHeat
	r.room().keepImage()
	r.shows("This pane shows no image")
}
