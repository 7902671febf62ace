//go:build headless

package main

import "columna/cli"

// window is empty: this build has no toolkit.
func window() cli.Window { return cli.Window{} }
