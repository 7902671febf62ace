package app

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"

	"columna/assets"
)

// mouseHelp is what the mouse does, as readers know it.
func mouseHelp() [][2]string {
	return [][2]string{
		{"wheel", "slice"},
		{"left drag", "window / level; the tool while editing"},
		{"left click", "all panes go to this place"},
		{"right drag, Ctrl + wheel", "zoom"},
		{"middle drag", "pan, also while painting"},
		{"Shift + move", "track the point in all panes"},
		{"Shift + wheel", "brush size"},
		{"Ctrl + left drag", "erase while painting, paint while erasing"},
		{"double click", "one pane large"},
	}
}

// help shows the sheet of mouse and keys, printed from the key table.
func (a *App) help() {
	groups := []string{"Slices", "View", "Reading", "Editing", "Digits"}
	left, right := container.NewVBox(), container.NewVBox()
	left.Add(helpHead("Mouse"))
	for _, m := range mouseHelp() {
		left.Add(helpLine(m[0], m[1]))
	}
	for n, g := range groups {
		col := right
		if n == 0 || n == 4 {
			col = left
		}
		col.Add(gapV(4))
		col.Add(helpHead(g))
		for _, c := range commands() {
			if c.group == g && c.name != "" {
				col.Add(helpLine(c.name, c.does))
			}
		}
	}
	body := container.NewVBox(container.NewHBox(container.New(column{460}, left), container.New(column{430}, right)), gapV(6), text(notice, 12, assets.Dark().Quiet))
	d := dialog.NewCustom("Mouse and keys", "Close", padded(body, 8, 4), a.win)
	d.SetOnClosed(func() { a.inRoom((*room).focusActive) })
	d.Show()
}

func helpHead(s string) fyne.CanvasObject {
	t := text(s, 13, assets.Dark().Accent)
	t.TextStyle.Bold = true
	return t
}

func helpLine(key, does string) fyne.CanvasObject {
	p := assets.Dark()
	k := text(key, 12, p.Ink)
	return container.New(row{17}, container.New(parts{[]float32{0, 1}}, container.New(column{170}, container.NewStack(k)), canvasText(does)))
}

func canvasText(s string) *canvas.Text { return text(s, 12, assets.Dark().Quiet) }
