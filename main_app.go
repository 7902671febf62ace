//go:build !headless

package main

import (
	"columna/app"
	"columna/cli"
	_ "columna/internal/locale" // before the toolkit looks at LANG
)

// window is how the commands open windows and draw screens.
func window() cli.Window { return cli.Window{Run: app.Run, Screens: app.Screens} }
