package image

import (
	"testing"
)

// Whatever index.json holds, it is read or reported as damaged.
func FuzzDecodeIndex(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","size":1,"digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","annotations":{"org.opencontainers.image.ref.name":"web"}}]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := decodeIndex(data)
		if err != nil && entries != nil {
			t.Errorf("entries %v with error %v", entries, err)
		}
		for _, e := range entries {
			if e.Name == "" {
				t.Error("an entry without a name")
			}
		}
	})
}
