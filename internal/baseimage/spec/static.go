package spec

// nginxRef is the base of static sites: nginx 1.26 is that of Debian trixie.
const nginxRef = "slipway/nginx:1.26-" + Suite

// nginxPackages is what the nginx binary links, its table of media types, and
// the module that serves files which are compressed already. What is left out:
// iproute2 and debconf are for maintainer scripts, libgcc for C++, and a server
// of files asks nobody's certificates.
func nginxPackages() []string {
	return []string{
		"base-files", "libc6", "libcrypt1", "libnginx-mod-http-brotli-static", "libpcre2-8-0", "libssl3t64", "libzstd1",
		"nginx", "nginx-common", "zlib1g",
	}
}

// staticSpec returns the base of static sites when that is the name.
func staticSpec(ref string) (Base, bool) {
	if ref != nginxRef {
		return Base{}, false
	}
	base := runtime(ref, nginxPackages()...)
	base.Drop = nginxUnread()
	return base, true
}

// nginxUnread are glibc's mathematics, 2 MB that none of the packages links, and
// OpenSSL's engines.
func nginxUnread() []string {
	return []string{"libm.so.6", "libmvec.so.1", "afalg.so", "loader_attic.so", "padlock.so"}
}
