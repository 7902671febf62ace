package ort

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	onnx "github.com/yalue/onnxruntime_go"
)

// CPU is the execution provider that every library has.
const CPU = "cpu"

// Auto is the first of the other providers that the library has, else the CPU.
const Auto = "auto"

// provider is a way to run a network elsewhere than in ONNX Runtime's own CPU
// kernels.
type provider struct {
	name, title string
	library     string // file beside ONNX Runtime's own that holds it, without prefix and ending
	auto        bool   // a machine that has it is faster with it
	add         func(o *onnx.SessionOptions, threads int) error
}

// providers lists them, the fastest first. A name that occurs again is another way
// to have it.
func providers() []provider {
	return []provider{
		{"cuda", "CUDA", "onnxruntime_providers_cuda", true, addCUDA},
		{"tensorrt", "TensorRT", "onnxruntime_providers_tensorrt", false, addTensorRT},
		{"coreml", "Core ML", "", true, func(o *onnx.SessionOptions, _ int) error {
			return o.AppendExecutionProviderCoreMLV2(map[string]string{"ModelFormat": "MLProgram"})
		}},
		{"directml", "DirectML", "", true, func(o *onnx.SessionOptions, _ int) error {
			return o.AppendExecutionProviderDirectML(0)
		}},
		{"openvino", "OpenVINO", "onnxruntime_providers_openvino", true, onOpenVINO("GPU")},
		{"openvino", "OpenVINO", "onnxruntime_providers_openvino", false, onOpenVINO("CPU")},
		{"xnnpack", "XNNPACK", "", false, func(o *onnx.SessionOptions, threads int) error {
			return o.AppendExecutionProvider("XNNPACK", map[string]string{"intra_op_num_threads": strconv.Itoa(max(threads, 1))})
		}},
	}
}

// Providers names the execution providers that Options takes.
func Providers() []string {
	out := []string{CPU, Auto}
	for _, p := range providers() {
		out = append(out, p.name)
	}
	return slices.Compact(out)
}

// addCUDA asks for full float32: TF32 would keep 10 bits of each factor.
func addCUDA(o *onnx.SessionOptions, _ int) error {
	c, err := onnx.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer c.Destroy()
	if err := c.Update(map[string]string{"use_tf32": "0"}); err != nil {
		return err
	}
	return o.AppendExecutionProviderCUDA(c)
}

// addTensorRT puts CUDA behind it for what TensorRT cannot run.
func addTensorRT(o *onnx.SessionOptions, threads int) error {
	c, err := onnx.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer c.Destroy()
	if err := o.AppendExecutionProviderTensorRT(c); err != nil {
		return err
	}
	return addCUDA(o, threads)
}

// onOpenVINO computes in the model's own precision on a device. (The device "AUTO"
// takes no part of a network, and does not say so.)
func onOpenVINO(device string) func(o *onnx.SessionOptions, threads int) error {
	return func(o *onnx.SessionOptions, threads int) error {
		set := map[string]string{"device_type": device, "precision": "ACCURACY"}
		if threads > 0 && device == "CPU" {
			set["num_of_threads"] = strconv.Itoa(threads)
		}
		return o.AppendExecutionProviderOpenVINO(set)
	}
}

// chosen are the providers to try for a name, in order.
func chosen(name string) ([]provider, error) {
	if name == "" || name == CPU {
		return nil, nil
	}
	var out []provider
	for _, p := range providers() {
		if p.name == name || name == Auto && p.auto {
			out = append(out, p)
		}
	}
	if len(out) == 0 && name != Auto {
		return nil, fmt.Errorf("no execution provider %q: choose one of %s", name, strings.Join(Providers(), ", "))
	}
	return out, nil
}

// try opens a session with the provider; while it does, ONNX Runtime's own words
// on what is missing are kept from standard error.
func (p provider) try(o Options, open func(*onnx.SessionOptions) error) error {
	if err := p.missing(); err != nil {
		return err
	}
	onnx.SetEnvironmentLogLevel(onnx.LoggingLevelFatal)
	defer onnx.SetEnvironmentLogLevel(logLevel)
	options, err := newOptions(o)
	if err != nil {
		return err
	}
	defer options.Destroy()
	if err := p.add(options, o.Threads); err != nil {
		return err
	}
	return open(options)
}

// missing says that the provider's own library is not there.
func (p provider) missing() error {
	if p.library == "" {
		return nil
	}
	file := "lib" + p.library + ".so"
	if runtime.GOOS == "windows" {
		file = p.library + ".dll"
	}
	path, err := LibraryPath()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(path), file)); err != nil {
		return fmt.Errorf("%s does not lie beside %s", file, filepath.Base(path))
	}
	return nil
}

// sentence tells the user why the CPU works instead.
func (p provider) sentence(err error) string {
	why := err.Error()
	for _, lead := range []string{"with error: ", "FAIL : "} { // what comes before is a place in ONNX Runtime's source
		if at := strings.LastIndex(why, lead); at >= 0 {
			why = why[at+len(lead):]
		}
	}
	why = strings.TrimRight(strings.Join(strings.Fields(why), " "), ". ")
	return fmt.Sprintf("%s cannot be used here (%s): the networks run on the CPU instead", p.title, why)
}

// open opens a session on the provider asked for, else on the CPU, and names where
// it runs. Only a name that is none is an error of its own.
func (o Options) open(open func(*onnx.SessionOptions) error) (string, error) {
	candidates, err := chosen(o.Provider)
	if err != nil {
		return "", err
	}
	why := ""
	for _, p := range candidates {
		failed := p.try(o, open)
		if failed == nil {
			return p.name, nil
		}
		why = p.sentence(failed)
	}
	if why != "" && o.Provider != Auto && o.Notice != nil {
		o.Notice(why)
	}
	options, err := newOptions(o)
	if err != nil {
		return "", err
	}
	defer options.Destroy()
	return CPU, open(options)
}
