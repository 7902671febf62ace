package report

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"strings"
	"time"

	"github.com/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"columna/internal/files"
	"columna/spine"
)

// A4 in millimetres, and the margin.
const (
	pageWidth = 210.0
	margin    = 15.0
	inner     = pageWidth - 2*margin
)

// WritePDF saves the report of a study: header data, models, the worksheet with
// what the AI and what the reader said, structures, lesions, flags, and the key
// images two in a row. The file appears whole or not at all.
func WritePDF(path string, study *spine.Study, a *spine.Analysis, reader []spine.GradeFinding, keyImages []image.Image) error {
	b, err := makePDF(study, a, reader, keyImages, time.Now())
	if err == nil {
		err = files.Write(path, func(w io.Writer) error { _, err := w.Write(b); return err })
	}
	if err != nil {
		return fmt.Errorf("write report %s: %w", path, err)
	}
	return nil
}

// makePDF is deterministic: the same input and time give the same bytes.
func makePDF(study *spine.Study, a *spine.Analysis, reader []spine.GradeFinding, keyImages []image.Image, at time.Time) ([]byte, error) {
	d := newDocument(at)
	d.header(study, at)
	if a == nil {
		d.line("No AI analysis was made of this study.")
		a = &spine.Analysis{}
	}
	d.models(a)
	d.grades(newWorksheet(a, reader))
	d.notes(newWorksheet(a, reader))
	d.structures(a)
	d.lesions(a)
	d.flags(a)
	if err := d.images(keyImages); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := d.pdf.Output(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// document is a PDF in the making.
type document struct{ pdf *fpdf.Fpdf }

// newDocument uses the Go fonts, which have Latin, Greek and Cyrillic letters.
func newDocument(at time.Time) document {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(at)
	pdf.SetModificationDate(at)
	pdf.SetProducer("Columna", true)
	pdf.SetTitle("Lumbar spine MRI report", true)
	pdf.AddUTF8FontFromBytes("go", "", goregular.TTF)
	pdf.AddUTF8FontFromBytes("go", "B", gobold.TTF)
	pdf.SetMargins(margin, margin, margin)
	pdf.SetAutoPageBreak(true, 20)
	pdf.AliasNbPages("{pages}")
	pdf.SetFooterFunc(func() {
		pdf.SetY(-14)
		pdf.SetFont("go", "", 7.5)
		pdf.SetTextColor(90, 90, 90)
		pdf.CellFormat(inner-20, 4, Disclaimer+" What the networks said is marked AI.", "", 0, "L", false, 0, "")
		pdf.CellFormat(20, 4, fmt.Sprintf("%d / {pages}", pdf.PageNo()), "", 0, "R", false, 0, "")
	})
	pdf.AddPage()
	return document{pdf}
}

func (d document) font(style string, size float64) {
	d.pdf.SetFont("go", style, size)
	d.pdf.SetTextColor(20, 20, 20)
}

// heading starts a section, on a new page where only its title would fit.
func (d document) heading(title string) {
	if d.pdf.GetY() > 260 {
		d.pdf.AddPage()
	}
	d.pdf.Ln(3)
	d.font("B", 11)
	d.pdf.CellFormat(inner, 6, title, "", 1, "L", false, 0, "")
}

func (d document) line(text string) {
	d.font("", 9)
	d.pdf.MultiCell(inner, 4.5, text, "", "L", false)
}

// header is the title, the disclaimer and the words of the DICOM header.
func (d document) header(study *spine.Study, at time.Time) {
	d.font("B", 16)
	d.pdf.CellFormat(inner, 9, "Lumbar spine MRI report", "", 1, "L", false, 0, "")
	d.pdf.SetFillColor(255, 236, 209)
	d.font("B", 9)
	d.pdf.CellFormat(inner, 6, Disclaimer, "", 1, "L", true, 0, "")
	d.pdf.Ln(2)
	d.font("", 9)
	for _, row := range [][2]string{
		{"Patient", strings.Join(strings.FieldsFunc(study.PatientName, isCaret), " ") + "   ID " + study.PatientID},
		{"Sex, age", study.Sex + "  " + study.Age},
		{"Study", study.Date + "  " + study.Description + field(study.FieldT)},
		{"Study UID", study.UID},
		{"Report made", at.UTC().Format("2006-01-02 15:04 UTC") + " by Columna"},
	} {
		d.pdf.SetTextColor(110, 110, 110)
		d.pdf.CellFormat(28, 4.8, row[0], "", 0, "L", false, 0, "")
		d.pdf.SetTextColor(20, 20, 20)
		d.pdf.CellFormat(inner-28, 4.8, d.fit(row[1], inner-28), "", 1, "L", false, 0, "")
	}
}

// isCaret separates the parts of a DICOM name.
func isCaret(r rune) bool { return r == '^' }

func field(tesla float64) string {
	if tesla == 0 {
		return ""
	}
	return fmt.Sprintf("   %.1f T", tesla)
}

// fit cuts a text to a width.
func (d document) fit(s string, width float64) string {
	if d.pdf.GetStringWidth(s) <= width-2 {
		return s
	}
	r := []rune(s)
	for len(r) > 0 && d.pdf.GetStringWidth(string(r)+"…") > width-2 {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

// models names the exact weights behind the AI's words.
func (d document) models(a *spine.Analysis) {
	if len(a.Models) == 0 {
		return
	}
	d.heading("Models (AI)")
	for _, m := range a.Models {
		d.line(fmt.Sprintf("%s   SHA-256 %s", m.Name, m.SHA256))
	}
}

// opaque paints an image on black with eight bits a channel: PDF knows no more.
func opaque(img image.Image) *image.RGBA {
	out := image.NewRGBA(image.Rectangle{Max: img.Bounds().Size()})
	draw.Draw(out, out.Bounds(), image.Black, image.Point{}, draw.Src)
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Over)
	return out
}

// images puts the key images two in a row, each fitted to half the page.
func (d document) images(images []image.Image) error {
	if len(images) == 0 {
		return nil
	}
	const gap, height = 4.0, 110.0
	width := (inner - gap) / 2
	for n, img := range images {
		row, size := n%4/2, img.Bounds().Size()
		if size.X < 1 || size.Y < 1 {
			return fmt.Errorf("key image %d is empty", n+1)
		}
		if n%4 == 0 {
			d.pdf.AddPage()
			d.heading("Key images")
		}
		var b bytes.Buffer
		if err := png.Encode(&b, opaque(img)); err != nil {
			return err
		}
		name := fmt.Sprintf("key%d", n)
		d.pdf.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "PNG"}, &b)
		scale := min(width/float64(size.X), height/float64(size.Y))
		x := margin + float64(n%2)*(width+gap)
		y := 28 + float64(row)*(height+8)
		d.pdf.ImageOptions(name, x, y, scale*float64(size.X), scale*float64(size.Y), false, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
	}
	return d.pdf.Error()
}
