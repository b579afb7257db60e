package image

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/slipway-build/slipway/internal/diag"
)

// CheckName refuses what cannot be the name of an image.
func CheckName(image string) error {
	_, err := parse(image)
	return err
}

// canonical returns the form under which two spellings of one image name are
// equal: with registry, repository and tag or digest.
func canonical(image string) (string, error) {
	ref, err := parse(image)
	if err != nil {
		return "", err
	}
	return ref.Name(), nil
}

// parse reads an image name; a name without registry counts as Docker Hub's,
// which only matters when two names are compared.
func parse(image string) (name.Reference, error) {
	ref, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return nil, diag.Fail(diag.ExitUsage, "%q is not an image name", image).
			WithHint("write [registry/]name[:tag] in lower case, such as localhost:5000/shop/web:v1")
	}
	return ref, nil
}

// shown returns an image name without the parts that nobody writes.
func shown(image string) string {
	for _, prefix := range []string{"index.docker.io/library/", "index.docker.io/", "docker.io/library/", "docker.io/"} {
		if rest, ok := strings.CutPrefix(image, prefix); ok {
			return rest
		}
	}
	return image
}
