package codec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

const (
	memoryPages   = 8192 // of 64 KiB: 512 MiB for one instance, half of it its own
	maxInstances  = 8
	frameDeadline = 5 * time.Second
	pixelDeadline = 2 * time.Microsecond // more for each pixel: five times what JPEG 2000 takes
)

// machine is the compiled module with its instances. An instance decodes one
// frame at a time; one that failed is thrown away, since nothing is known of its
// memory any more.
type machine struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache
	module  wazero.CompiledModule
	slots   chan struct{} // one for each instance that may run
	limit   time.Duration // for one frame, and more for its pixels

	mu     sync.Mutex
	idle   []*instance
	closed bool
}

// newMachine compiles the module, in two seconds the first time and from the
// user's cache later. A cache that cannot be written is done without.
func newMachine() (*machine, error) {
	wasm, err := readModule()
	if err != nil {
		return nil, err
	}
	m, err := compile(wasm, diskCache())
	if err != nil {
		m, err = compile(wasm, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("the image decoders cannot be started: %w", err)
	}
	return m, nil
}

// diskCache keeps compiled modules where only the user can write: what lies
// there is run.
func diskCache() wazero.CompilationCache {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	dir = filepath.Join(dir, "columna", "compiled")
	if os.MkdirAll(dir, 0o700) != nil || os.Chmod(dir, 0o700) != nil {
		return nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil
	}
	return cache
}

func compile(wasm []byte, cache wazero.CompilationCache) (*machine, error) {
	ctx := context.Background()
	config := wazero.NewRuntimeConfig().WithCloseOnContextDone(true).WithMemoryLimitPages(memoryPages)
	if cache != nil {
		config = config.WithCompilationCache(cache)
	}
	m := &machine{runtime: wazero.NewRuntimeWithConfig(ctx, config), cache: cache}
	err := m.imports(ctx)
	if err == nil {
		m.module, err = m.runtime.CompileModule(ctx, wasm)
	}
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	m.slots = make(chan struct{}, min(runtime.GOMAXPROCS(0), maxInstances))
	m.limit = frameDeadline
	return m, nil
}

// imports gives the module what it links against: a WASI without files,
// arguments, clock or output, and the codecs' own messages.
func (m *machine) imports(ctx context.Context) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, m.runtime); err != nil {
		return err
	}
	silent := func(uint32, uint32) {}
	_, err := m.runtime.NewHostModuleBuilder("env").
		NewFunctionBuilder().WithFunc(func(uint32) {}).Export("emscripten_notify_memory_growth").
		NewFunctionBuilder().WithFunc(silent).Export("onCodecsInfo").
		NewFunctionBuilder().WithFunc(silent).Export("onCodecsTrace").
		NewFunctionBuilder().WithFunc(raise).Export("onCodecsException").
		Instantiate(ctx)
	return err
}

var errClosed = errors.New("the decoder has been closed")

// codecError is what a codec says of a stream that it cannot decode.
type codecError string

func (e codecError) Error() string { return string(e) }

// raise ends the call: the codecs expect that this function never returns.
func raise(_ context.Context, m api.Module, at, n uint32) {
	b, _ := m.Memory().Read(at, min(n, 300))
	text := strings.Join(strings.Fields(string(b)), " ")
	if i := strings.LastIndex(text, "::"); i >= 0 {
		text = text[i+2:] // without the names of C++ functions
	}
	panic(codecError(text))
}

// close waits for the frames in flight: their memory is taken away.
func (m *machine) close() error {
	for range cap(m.slots) {
		m.slots <- struct{}{}
	}
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	err := m.runtime.Close(context.Background())
	if m.cache != nil {
		err = errors.Join(err, m.cache.Close(context.Background()))
	}
	for range cap(m.slots) {
		<-m.slots
	}
	return err
}

// decode runs one frame on an instance of its own.
func (m *machine) decode(ctx context.Context, kind family, data []byte, f Frame) ([]byte, error) {
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	i, err := m.take(ctx) // starting an instance is not the frame's fault
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, m.limit+time.Duration(f.pixels())*pixelDeadline)
	defer cancel()
	out, err := m.attempt(limited, i, kind, data, f)
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case limited.Err() != nil:
		return nil, errors.New("decoding the frame took too long: the file is damaged")
	}
	var told codecError
	if errors.As(err, &told) {
		return nil, fmt.Errorf("the compressed image cannot be decoded (%s): the file is damaged", told)
	}
	return nil, errors.New("the compressed image breaks its decoder: the file is damaged")
}

// attempt decodes on an instance and keeps it for the next frame unless it failed.
func (m *machine) attempt(ctx context.Context, i *instance, kind family, data []byte, f Frame) ([]byte, error) {
	out, err := i.decode(ctx, kind, data, f)
	if err = errors.Join(err, ctx.Err()); err != nil { // a call that ends with its time may have been stopped
		return nil, errors.Join(err, i.module.Close(context.Background()))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.idle = append(m.idle, i)
	return out, nil
}

// take prefers the instance that was used last: its memory is warm.
func (m *machine) take(ctx context.Context) (*instance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, errClosed
	}
	if n := len(m.idle); n > 0 {
		i := m.idle[n-1]
		m.idle = m.idle[:n-1]
		return i, nil
	}
	return m.newInstance(ctx)
}

func (m *machine) newInstance(ctx context.Context) (*instance, error) {
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions("_initialize")
	module, err := m.runtime.InstantiateModule(withMemory(ctx), m.module, config)
	if err != nil {
		return nil, err
	}
	return &instance{module: module}, nil
}
