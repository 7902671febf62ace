// Columna is a reading room for lumbar-spine MRI. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"columna/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Stdout, os.Stderr, window())
	stop()
	os.Exit(code)
}
