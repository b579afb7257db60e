package gate

// The codes of findings of gates. A code has one meaning for ever.
const (
	codeCoverage   = "SLP600" // less of the code is covered than wanted
	codeChanged    = "SLP601" // less of the changed lines is covered than wanted
	codeTest       = "SLP602" // a test failed
	codeNoTest     = "SLP603" // fewer tests ran than wanted
	codeSkipped    = "SLP604" // a test was skipped, and nothing says why
	codeFlaky      = "SLP605" // a test failed and passed
	codeLint       = "SLP606" // an error of a linter
	codeVulnerable = "SLP607" // a package has a known vulnerability
	codeSecret     = "SLP608" // a secret is in the image, its history or the sources
	codeLicence    = "SLP609" // a package has a licence that is denied
	codeSize       = "SLP610" // the image is larger than allowed
	codeGrowth     = "SLP611" // the image grew by more than allowed
	codeWaste      = "SLP612" // a layer holds files that a later one hides
	codeEfficiency = "SLP613" // too much of the layers is hidden by later ones
	codeLayers     = "SLP614" // the image has more layers than allowed
	codeStartUp    = "SLP615" // the image takes longer to become healthy
	codeMemory     = "SLP616" // the started image takes more memory
	codeBuildTime  = "SLP617" // the build took longer than before
	codeRoot       = "SLP618" // the image runs as root
	codeSetuid     = "SLP619" // a program runs with other rights than its user's
	codeShell      = "SLP620" // the image has a shell that nobody asked for
	codeHealth     = "SLP621" // the image has no health check
	codeBaseAge    = "SLP622" // the base is too old
	codeStructure  = "SLP623" // a structure test fails
	codePolicy     = "SLP624" // a policy denies the image
	codeUnknown    = "SLP625" // what a gate needs is not known
	codeReport     = "SLP627" // a report could not be read, so that tests may be missing
)
