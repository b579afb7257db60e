package spec

// Suite is the Debian release of every base that needs no other.
const Suite = "trixie"

// Release is a Debian release that bases can be made of.
type Release struct {
	Name    string
	Updates bool // the suites NAME-updates and NAME-security exist
}

// Releases lists the Debian releases of bases, oldest first.
func Releases() []Release {
	return []Release{
		{Name: "bullseye", Updates: true}, {Name: "bookworm", Updates: true}, {Name: Suite, Updates: true},
		{Name: "forky"}, {Name: "sid"},
	}
}
