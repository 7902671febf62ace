package app

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"columna/assets"
)

// quiet is the dark theme of the reading room; there is no light one, as a
// bright window beside the images costs contrast.
type quiet struct{ p assets.Palette }

func newTheme() fyne.Theme { return quiet{assets.Dark()} }

// Color implements fyne.Theme.
func (q quiet) Color(name fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	colors := map[fyne.ThemeColorName]color.Color{
		theme.ColorNameBackground:          q.p.Surface,
		theme.ColorNameButton:              q.p.Raised,
		theme.ColorNameDisabledButton:      q.p.Surface,
		theme.ColorNameDisabled:            q.p.Faint,
		theme.ColorNameForeground:          q.p.Ink,
		theme.ColorNameForegroundOnPrimary: q.p.AccentInk,
		theme.ColorNameHover:               q.p.Hover,
		theme.ColorNameFocus:               fade(q.p.Accent, 0x50),
		theme.ColorNameHeaderBackground:    q.p.Raised,
		theme.ColorNameInputBackground:     q.p.Raised,
		theme.ColorNameInputBorder:         q.p.Line,
		theme.ColorNameMenuBackground:      q.p.Raised,
		theme.ColorNameOverlayBackground:   q.p.Raised,
		theme.ColorNamePlaceHolder:         q.p.Quiet,
		theme.ColorNamePressed:             q.p.Line,
		theme.ColorNamePrimary:             q.p.Accent,
		theme.ColorNameScrollBar:           q.p.Faint,
		theme.ColorNameSelection:           fade(q.p.Accent, 0x40),
		theme.ColorNameSeparator:           q.p.Line,
		theme.ColorNameShadow:              color.RGBA{0, 0, 0, 0x60},
		theme.ColorNameWarning:             q.p.Warning,
	}
	if c, ok := colors[name]; ok {
		return c
	}
	return theme.DefaultTheme().Color(name, theme.VariantDark)
}

func fade(c color.RGBA, a uint8) color.Color { return color.NRGBA{c.R, c.G, c.B, a} }

// Font implements fyne.Theme.
func (quiet) Font(s fyne.TextStyle) fyne.Resource { return theme.DefaultTheme().Font(s) }

// Icon implements fyne.Theme.
func (quiet) Icon(n fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(n) }

// Size implements fyne.Theme: one step tighter than Fyne's own.
func (quiet) Size(n fyne.ThemeSizeName) float32 {
	sizes := map[fyne.ThemeSizeName]float32{
		theme.SizeNameText: 13, theme.SizeNameCaptionText: 11, theme.SizeNamePadding: 4,
		theme.SizeNameInnerPadding: 6, theme.SizeNameScrollBar: 8, theme.SizeNameScrollBarSmall: 3,
		theme.SizeNameInputRadius: 3, theme.SizeNameSelectionRadius: 3,
	}
	if v, ok := sizes[n]; ok {
		return v
	}
	return theme.DefaultTheme().Size(n)
}
