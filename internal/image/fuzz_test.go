package image

import (
	"testing"
	"time"
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

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Fri, 02 Jan 2026 03:05:05 GMT")
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Fuzz(func(t *testing.T, header string) {
		if d := retryAfter(header, now); d < 0 {
			t.Errorf("%q gives %s", header, d)
		}
	})
}
