package codec

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// ModuleVariable names the environment variable that points at the module.
const ModuleVariable = "COLUMNA_CODECS_WASM"

// moduleSHA256 is build/dcmjs-native-codecs.wasm of the npm package dcmjs-codecs
// 0.0.8 (MIT): CharLS, OpenJPEG, OpenJPH and the IJG's JPEG library of 12 bits.
const moduleSHA256 = "dff1bc9b3872588c231ea90894f05e7eacd7f5074b9db964e64e7f3f29821d30"

// modulePath finds the module: the file named in COLUMNA_CODECS_WASM, else the
// one that `make setup` put into the user's cache.
func modulePath() (string, error) {
	if named := os.Getenv(ModuleVariable); named != "" {
		if _, err := os.Stat(named); err != nil {
			return "", fmt.Errorf("%s names %s, which cannot be read: correct or unset it", ModuleVariable, named)
		}
		return named, nil
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		path := filepath.Join(cache, "columna", "codecs", "dcmjs-native-codecs.wasm")
		if _, err = os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("the decoders of JPEG-LS, JPEG 2000 and 12-bit JPEG are not installed: run `make setup`, or set %s to dcmjs-native-codecs.wasm", ModuleVariable)
}

// readModule reads the module and refuses any but the one that was tested.
func readModule() ([]byte, error) {
	path, err := modulePath()
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the image decoders cannot be read: %w", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != moduleSHA256 {
		return nil, fmt.Errorf("%s is not the tested version of the image decoders: delete it and run `make setup`", path)
	}
	return b, nil
}
