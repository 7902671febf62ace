package train

import (
	"runtime"
	"strings"
	"testing"
)

func TestStart_RefusesAFolderThatATrainingRunsIn(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		t.Skip("files cannot be held here")
	}
	dir := t.TempDir()
	held, err := hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := Start(t.Context(), Options{Net: "stenosisnet", Dir: dir}); err == nil || !strings.Contains(err.Error(), "another training runs in") {
		t.Errorf("got %v", err)
	}
	held.Close()
	again, err := hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
