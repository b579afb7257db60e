package proof

import (
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// packageOfLibrary names the package of Debian trixie that has a library, as
// apt-file search says (2026-11-28); "" for those that are not listed.
func packageOfLibrary(name string) string {
	return map[string]string{
		"libgomp.so.1": "libgomp1", "libGL.so.1": "libgl1", "libGLX.so.0": "libglx0", "libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2", "libOpenGL.so.0": "libopengl0",
		"libgthread-2.0.so.0": "libglib2.0-0t64", "libglib-2.0.so.0": "libglib2.0-0t64", "libgobject-2.0.so.0": "libglib2.0-0t64", "libgio-2.0.so.0": "libglib2.0-0t64",
		"libgmodule-2.0.so.0": "libglib2.0-0t64", "libpq.so.5": "libpq5", "libmariadb.so.3": "libmariadb3", "libmysqlclient.so.21": "libmariadb3", "libsqlite3.so.0": "libsqlite3-0",
		"libodbc.so.2": "libodbc2", "libodbcinst.so.2": "libodbcinst2", "libstdc++.so.6": "libstdc++6", "libgcc_s.so.1": "libgcc-s1", "libatomic.so.1": "libatomic1",
		"libgfortran.so.5": "libgfortran5", "libquadmath.so.0": "libquadmath0", "libz.so.1": "zlib1g", "libbz2.so.1.0": "libbz2-1.0", "liblzma.so.5": "liblzma5", "libzstd.so.1": "libzstd1",
		"liblz4.so.1": "liblz4-1", "libsnappy.so.1": "libsnappy1v5", "libssl.so.3": "libssl3t64", "libcrypto.so.3": "libssl3t64", "libffi.so.8": "libffi8", "libexpat.so.1": "libexpat1",
		"libuuid.so.1": "libuuid1", "libX11.so.6": "libx11-6", "libXext.so.6": "libxext6", "libXrender.so.1": "libxrender1", "libSM.so.6": "libsm6", "libICE.so.6": "libice6", "libxcb.so.1": "libxcb1",
		"libXi.so.6": "libxi6", "libXfixes.so.3": "libxfixes3", "libXdamage.so.1": "libxdamage1", "libXcomposite.so.1": "libxcomposite1", "libXrandr.so.2": "libxrandr2", "libXtst.so.6": "libxtst6",
		"libxkbcommon.so.0": "libxkbcommon0", "libgbm.so.1": "libgbm1", "libdrm.so.2": "libdrm2", "libasound.so.2": "libasound2t64", "libpulse.so.0": "libpulse0", "libcups.so.2": "libcups2t64",
		"libdbus-1.so.3": "libdbus-1-3", "libnss3.so": "libnss3", "libnssutil3.so": "libnss3", "libsmime3.so": "libnss3", "libnspr4.so": "libnspr4", "libatk-1.0.so.0": "libatk1.0-0t64",
		"libatk-bridge-2.0.so.0": "libatk-bridge2.0-0t64", "libatspi.so.0": "libatspi2.0-0t64", "libgtk-3.so.0": "libgtk-3-0t64", "libcairo.so.2": "libcairo2", "libpango-1.0.so.0": "libpango-1.0-0",
		"libpangocairo-1.0.so.0": "libpangocairo-1.0-0", "libpangoft2-1.0.so.0": "libpangoft2-1.0-0", "libharfbuzz.so.0": "libharfbuzz0b", "libfontconfig.so.1": "libfontconfig1",
		"libfreetype.so.6": "libfreetype6", "libjpeg.so.62": "libjpeg62-turbo", "libpng16.so.16": "libpng16-16t64", "libgif.so.7": "libgif7", "librsvg-2.so.2": "librsvg2-2", "libtiff.so.6": "libtiff6",
		"libwebp.so.7": "libwebp7", "libwebpmux.so.3": "libwebpmux3", "libvips.so.42": "libvips42t64", "libMagickWand-7.Q16.so.10": "libmagickwand-7.q16-10", "libsndfile.so.1": "libsndfile1",
		"libportaudio.so.2": "libportaudio2", "libavcodec.so.61": "libavcodec61", "libavformat.so.61": "libavformat61", "libavutil.so.59": "libavutil59", "libxml2.so.2": "libxml2", "libxslt.so.1": "libxslt1.1",
		"libcurl.so.4": "libcurl4t64", "libssh2.so.1": "libssh2-1t64", "libldap.so.2": "libldap2", "libsasl2.so.2": "libsasl2-2", "libgssapi_krb5.so.2": "libgssapi-krb5-2", "libkrb5.so.3": "libkrb5-3",
		"libaio.so.1": "libaio1t64", "libaio.so.1t64": "libaio1t64", "librdkafka.so.1": "librdkafka1", "libzmq.so.5": "libzmq5", "libblas.so.3": "libblas3", "liblapack.so.3": "liblapack3",
		"libopenblas.so.0": "libopenblas0", "libtbb.so.12": "libtbb12", "libhdf5_serial.so.310": "libhdf5-310", "libgdal.so.36": "libgdal36", "libgeos_c.so.1": "libgeos-c1t64", "libproj.so.25": "libproj25",
		"libusb-1.0.so.0": "libusb-1.0-0", "libudev.so.1": "libudev1", "libsystemd.so.0": "libsystemd0", "libprotobuf.so.32": "libprotobuf32t64", "libsodium.so.23": "libsodium23", "libgmp.so.10": "libgmp10",
		"libreadline.so.8": "libreadline8t64", "libncursesw.so.6": "libncursesw6", "libtinfo.so.6": "libtinfo6", "libseccomp.so.2": "libseccomp2", "libcap.so.2": "libcap2", "libmagic.so.1": "libmagic1t64",
		"libzbar.so.0": "libzbar0t64", "libnuma.so.1": "libnuma1", "libunwind.so.8": "libunwind8", "libdw.so.1": "libdw1t64", "libelf.so.1": "libelf1t64", "libjemalloc.so.2": "libjemalloc2",
	}[name]
}

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
