package java

// The codes of findings in Java services. A code has one meaning for ever.
const (
	codeManifest = "SLP310" // a build file that cannot be read
	codeVersion  = "SLP311" // a Java that cannot be had
	codeNoMain   = "SLP312" // nothing says which class starts
	codeWhich    = "SLP313" // several classes that could start
	codeOutside  = "SLP314" // a module or parent outside of the repository
	codeNoServer = "SLP315" // an archive for a servlet container
	codeWrapper  = "SLP316" // Gradle without its wrapper, or one that names no version
	codeNoJar    = "SLP340" // the start command names a jar that the image does not hold
	codeThin     = "SLP341" // the start command starts a jar that finds no libraries
	codeGradle   = "SLP477" // Gradle does not run on the Java that the build requires
	codeVendor   = "SLP478" // the JDK of a vendor, which the bases do not have
	codeTool     = "SLP317" // a build tool of another version than the one that is there
)
