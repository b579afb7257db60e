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

// Name is the name of an image as people write it: [registry/]repository[:tag][@digest].
// Its methods work on the text; CheckName refuses what cannot be a name.
type Name string

// Complete returns a name of the command line: the directory's name when there is
// none, under the registry, with the tag "latest" when it has neither tag nor digest.
func Complete(registry, name, directory string) Name {
	if name == "" {
		name = strings.ToLower(directory)
	}
	full := Name(name).Under(registry)
	if last := full[strings.LastIndex(string(full), "/")+1:]; !strings.ContainsAny(string(last), ":@") {
		full += ":latest"
	}
	return full
}

// Under returns the name below a registry, unless it begins with it already.
func (n Name) Under(registry string) Name {
	if registry == "" || strings.HasPrefix(string(n), registry+"/") {
		return n
	}
	return Name(registry + "/" + string(n))
}

// Tag returns the tag, "latest" without one.
func (n Name) Tag() string {
	last, _, _ := strings.Cut(string(n[strings.LastIndex(string(n), "/")+1:]), "@")
	if _, tag, ok := strings.Cut(last, ":"); ok {
		return tag
	}
	return "latest"
}

// Local cuts the registry off: a first part with a dot or a port, or "localhost".
func (n Name) Local() Name {
	first, rest, ok := strings.Cut(string(n), "/")
	if ok && (first == "localhost" || strings.ContainsAny(first, ".:")) {
		return Name(rest)
	}
	return n
}

// WithTag replaces the tag or digest; an empty tag changes nothing.
func (n Name) WithTag(tag string) Name {
	if tag == "" {
		return n
	}
	return Name(n.repository() + ":" + tag)
}

// Repository is the name without tag and digest.
func (n Name) Repository() string { return n.repository() }

func (n Name) repository() string {
	name, _, _ := strings.Cut(string(n), "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return name[:colon]
	}
	return name
}

// Short is the last word of the repository: "web" of registry.example/shop/web:v1.
func (n Name) Short() string {
	name := n.repository()
	return name[strings.LastIndex(name, "/")+1:]
}
