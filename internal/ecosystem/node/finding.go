package node

// The codes of findings in Node.js services. A code has one meaning for ever.
const (
	codeManifest   = "SLP201" // package.json cannot be read
	codeNoLock     = "SLP202" // no lock file
	codeManager    = "SLP203" // a package manager that is not supported, or not the one of the lock file
	codeVersion    = "SLP204" // a Node.js that is not supported
	codeStaleLock  = "SLP205" // package-lock.json does not fit package.json
	codeNoStart    = "SLP206" // nothing says how the service starts
	codeStartShell = "SLP207" // the start needs a shell or a tool
	codeLocal      = "SLP210" // dependencies outside the service's directory
	codeLock       = "SLP211" // package-lock.json cannot be read
	codeNoBuild    = "SLP212" // TypeScript that nothing compiles
	codeLifecycle  = "SLP213" // install scripts of the service itself
	codeToken      = "SLP214" // a credential in .npmrc
	codeLinker     = "SLP215" // packages are laid out otherwise than on the developer's machine
	codeFramework  = "SLP216" // a framework's build that makes no server
)
