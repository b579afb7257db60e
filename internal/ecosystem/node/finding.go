package node

// The codes of findings in Node.js services. A code has one meaning for ever.
const (
	codeManifest       = "SLP201" // package.json cannot be read
	codeNoLock         = "SLP202" // no lock file
	codeManager        = "SLP203" // a package manager that is not supported, or not the one of the lock file
	codeVersion        = "SLP204" // a Node.js that is not supported
	codeStaleLock      = "SLP205" // package-lock.json does not fit package.json
	codeNoStart        = "SLP206" // no start command found, or what it starts from does not exist
	codeStartShell     = "SLP207" // the start needs a shell or a tool
	codeLocal          = "SLP210" // dependencies outside the service's directory
	codeLock           = "SLP211" // package-lock.json cannot be read
	codeNoBuild        = "SLP212" // TypeScript that nothing compiles
	codeLifecycle      = "SLP213" // install scripts of the service itself
	codeToken          = "SLP214" // a credential in .npmrc
	codeLinker         = "SLP215" // packages are laid out otherwise than on the developer's machine
	codeFramework      = "SLP216" // a framework's build that makes no server
	codeEnvFile        = "SLP284" // the start reads a file of variables that is not in the image
	codeStartFlag      = "SLP285" // an option of the start names a file that is not in the image
	codeShellCall      = "SLP286" // the sources start a shell, and the image has none
	codeOutputAbove    = "SLP287" // the build writes above the service's directory
	codeKeyInImage     = "SLP288" // a private key that the sources read is in the image
	codeOldLock        = "SLP289" // package-lock.json has the format of npm 6
	codeFilesMissing   = "SLP290" // files: names what does not exist
	codeDefaultPort    = "SLP291" // no port is known; the program is given one by PORT
	codeProcessManager = "SLP292" // the start uses a process manager
	codePrestart       = "SLP293" // a script before the start does not run
	codeGit            = "SLP472" // a git dependency that its host gives by SSH is fetched by HTTPS
	codeOutside        = "SLP473" // a package above the service's directory is installed and built by its own manifest
	codeMembers        = "SLP474" // the root of a workspace stands for several services
	codeAdapter        = "SLP475" // SvelteKit is built with another adapter than the configured one
	codeOtherManager   = "SLP476" // packageManager names another package manager than the lock file
	codeOtherApps      = "SLP410" // applications of a Nest monorepo that slipway.yaml does not list
)
