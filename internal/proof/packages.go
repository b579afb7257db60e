package proof

import (
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// packageOfProgram names the Debian package of a program; the program's own name
// for those that are not listed, where it is mostly right.
func packageOfProgram(name string) string {
	pkg := map[string]string{
		"pg_dump": "postgresql-client", "pg_restore": "postgresql-client", "psql": "postgresql-client", "mysql": "default-mysql-client", "mysqldump": "default-mysql-client", "redis-cli": "redis-tools",
		"sqlite3": "sqlite3", "convert": "imagemagick", "magick": "imagemagick", "identify": "imagemagick", "mogrify": "imagemagick", "gm": "graphicsmagick", "gs": "ghostscript", "ffprobe": "ffmpeg",
		"pdftotext": "poppler-utils", "pdftoppm": "poppler-utils", "pdfinfo": "poppler-utils", "tesseract": "tesseract-ocr", "exiftool": "libimage-exiftool-perl", "soffice": "libreoffice", "libreoffice": "libreoffice",
		"ssh": "openssh-client", "scp": "openssh-client", "ssh-keygen": "openssh-client", "sftp": "openssh-client", "ps": "procps", "top": "procps", "free": "procps", "pgrep": "procps", "pkill": "procps",
		"ping": "iputils-ping", "ip": "iproute2", "ss": "iproute2", "dig": "dnsutils", "nslookup": "dnsutils", "nc": "netcat-openbsd", "7z": "7zip", "xz": "xz-utils", "gpg": "gnupg", "dot": "graphviz",
		"rsvg-convert": "librsvg2-bin", "cwebp": "libwebp-bin", "df": "coreutils", "ls": "coreutils", "cat": "coreutils", "cp": "coreutils", "mv": "coreutils", "rm": "coreutils", "mkdir": "coreutils",
		"date": "coreutils", "uname": "coreutils", "whoami": "coreutils", "id": "coreutils", "du": "coreutils", "sort": "coreutils", "head": "coreutils", "tail": "coreutils", "wc": "coreutils", "sleep": "coreutils",
		"echo": "coreutils", "touch": "coreutils", "chmod": "coreutils", "md5sum": "coreutils", "sha256sum": "coreutils", "nproc": "coreutils", "timeout": "coreutils", "env": "coreutils", "find": "findutils", "xargs": "findutils",
		"awk": "mawk", "which": "debianutils", "hostname": "hostname", "python": "python3", "chromium-browser": "chromium", "mount": "mount", "lsblk": "util-linux", "perl": "perl",
	}[name]
	if pkg == "" {
		return strings.ToLower(name)
	}
	return pkg
}
