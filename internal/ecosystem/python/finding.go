package python

// The codes of findings in Python services. A code has one meaning for ever.
const (
	codeManifest = "SLP260" // a manifest or lock file cannot be read
	codeNoLock   = "SLP261" // a package manager without its lock file
	codeVersion  = "SLP262" // a Python that is not supported
	codeUnpinned = "SLP263" // requirements whose versions depend on the day
	codeStale    = "SLP264" // a lock file that does not fit its manifest
	codeLocal    = "SLP265" // requirements that are directories which the build does not have
	codeSystem   = "SLP266" // a package that needs a system library
	codeNoServer = "SLP267" // an application without a server to run it
	codeNoStart  = "SLP268" // no start command found
	codeShell    = "SLP269" // the start needs a shell
	codeStatic   = "SLP270" // Django's static files are collected nowhere or served by nothing
	codeAssets   = "SLP271" // a package.json whose build is not run
	codePrograms = "SLP272" // another program beside the one that serves
	codeKey      = "SLP273" // a private key that the sources read is in the image
	codeFile     = "SLP274" // the start command names a file that the image does not hold
	codeCommands = "SLP275" // commands before the server, which do not run
	codeDatabase = "SLP276" // the development database's machine is left out
	codeSettings = "SLP277" // settings of Django that are not those of production

	codeServer      = "SLP420" // the build adds a production server
	codeDevelopment = "SLP421" // a development server starts
	codeHosts       = "SLP422" // Django refuses every request
	codeDebug       = "SLP423" // settings of a developer's machine

	codeUnknownVersion = "SLP462" // a version file that names no version
	codeMisfit         = "SLP463" // a package that does not suit the Python
	codeConda          = "SLP464" // an environment of conda alone
	codePrivateGit     = "SLP465" // a dependency that git fetches with a key
	codeNoGPU          = "SLP466" // PyTorch without what it has for GPUs
)
