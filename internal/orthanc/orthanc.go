// Package orthanc starts the Orthanc archive with its DICOMweb plugin for tests: on
// this machine alone, in a folder of its own, with a user and a password. A test
// that needs it is skipped, with the reason, where it is not installed.
package orthanc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// The user that Start registers.
const (
	User     = "reader"
	Password = "correct-horse-battery"
)

// Archive is a running Orthanc.
type Archive struct {
	URL string // of its DICOMweb service
}

// Start runs Orthanc until the test ends.
func Start(t testing.TB) Archive {
	t.Helper()
	binary, plugin := find(t)
	dir, port := t.TempDir(), freePort(t)
	config := filepath.Join(dir, "orthanc.json")
	b, err := json.Marshal(settings(dir, port, plugin))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(binary, config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("Orthanc does not start: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { // its folder goes too, so there is nothing to end in order
		cmd.Process.Kill()
		<-ended
	})
	await(t, port, ended, &log)
	return Archive{URL: fmt.Sprintf("http://127.0.0.1:%d/dicom-web", port)}
}

// find looks for Orthanc and its plugin where Debian puts them and where the PATH
// and ORTHANC_DICOMWEB say.
func find(t testing.TB) (binary, plugin string) {
	t.Helper()
	binary, err := exec.LookPath("Orthanc")
	if err != nil {
		binary = "/usr/sbin/Orthanc"
	}
	plugin = os.Getenv("ORTHANC_DICOMWEB")
	if plugin == "" {
		plugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
	}
	for _, file := range []string{binary, plugin} {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("no Orthanc with DICOMweb here (%s is missing): make test-pacs installs it", file)
		}
	}
	return binary, plugin
}

// settings keep Orthanc to this machine and to what the tests use. Its plugin writes
// the answers of a search in DefaultEncoding, Latin1 unless told otherwise, and loses
// the letters that Latin1 lacks; the files themselves are kept as they came.
func settings(dir string, port int, plugin string) map[string]any {
	return map[string]any{
		"Name": "columna-test", "StorageDirectory": dir, "IndexDirectory": dir, "Plugins": []string{plugin},
		"HttpPort": port, "RemoteAccessAllowed": false, "DicomServerEnabled": false, "DefaultEncoding": "Utf8",
		"AuthenticationEnabled": true, "RegisteredUsers": map[string]string{User: Password},
		"DicomWeb": map[string]any{"Enable": true, "Root": "/dicom-web/", "EnableWado": false, "Ssl": false},
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// await returns when the archive listens.
func await(t testing.TB, port int, ended chan error, log *bytes.Buffer) {
	t.Helper()
	for range 300 {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("Orthanc ended: %v\n%s", err, log)
		default:
		}
		if c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("Orthanc does not listen")
}
