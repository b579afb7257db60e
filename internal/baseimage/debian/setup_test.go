package debian

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// paths is a file system of files by path; a path that ends with a slash is a directory.
type paths map[string]string

func (p paths) Exists(name string) bool { _, ok := p[name]; return ok || p.Dir(name) }
func (p paths) Dir(name string) bool    { _, ok := p[strings.TrimSuffix(name, "/")+"/"]; return ok }
func (p paths) Read(name string) (string, bool) {
	text, ok := p[name]
	return text, ok
}
func (p paths) Glob(pattern string) (out []string) {
	for name := range p {
		if ok, _ := path.Match(pattern, strings.TrimSuffix(name, "/")); ok {
			out = append(out, strings.TrimSuffix(name, "/"))
		}
	}
	slices.Sort(out)
	return out
}

func setupOf(t *testing.T, script string, files paths) Setup {
	t.Helper()
	got, err := ReadSetup([]byte("#!/bin/sh\n"+script), []string{"configure", ""}, "amd64", files)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAlternativesOfScripts(t *testing.T) {
	one := func(link, name, path string, priority int, slaves ...Alternative) Alternative {
		return Alternative{Link: link, Name: name, Path: path, Priority: priority, Slaves: slaves}
	}
	for _, c := range []struct {
		name, script string
		want         []Alternative
	}{
		{"literal, over lines", `set -e
update-alternatives --install /usr/lib/x/libblas.so.3 \
                    libblas.so.3-x /usr/lib/x/blas/libblas.so.3 10
exit 0
update-alternatives --install /after exit /x 1`, []Alternative{one("/usr/lib/x/libblas.so.3", "libblas.so.3-x", "/usr/lib/x/blas/libblas.so.3", 10)}},
		{"slaves", `if [ "$1" = "configure" ] || [ "$1" = "abort-upgrade" ]; then
	update-alternatives --quiet --install /bin/nc nc /bin/nc.openbsd 50 --slave /bin/netcat netcat /bin/nc.openbsd
fi`, []Alternative{one("/bin/nc", "nc", "/bin/nc.openbsd", 50, Alternative{Link: "/bin/netcat", Name: "netcat", Path: "/bin/nc.openbsd"})}},
		{"a loop", `case "$1" in configure|reconfigure)
for prog in convert identify; do
	if dpkg --compare-versions "$2" lt-nl "8:6"; then update-alternatives --remove-all $prog; continue; fi
	update-alternatives --install /usr/bin/$prog $prog /usr/bin/$prog-im7 10000
done;; *) update-alternatives --install /other other /x 1;; esac`,
			[]Alternative{one("/usr/bin/convert", "convert", "/usr/bin/convert-im7", 10000), one("/usr/bin/identify", "identify", "/usr/bin/identify-im7", 10000)}},
		{"a Java", `basedir=/usr/lib/jvm/java-21-openjdk-$(dpkg --print-architecture) priority=2111
tools='java keytool'
mountpoint -q /proc || exit 1
if [ -z "$2" ]; then u=y; fi
if [ "$u" != y ] && [ $priority -gt 1060 ]; then u=n; fi
if [ "$u" = y ]; then for i in $tools; do
	unset slave1 || true
	[ -e $basedir/man/$i.1 ] && slave1="--slave \
		/usr/share/man/$i.1  $i.1 $basedir/man/$i.1"
	update-alternatives --install /usr/bin/$i $i $basedir/bin/$i $priority $slave1
done; fi`, []Alternative{
			one("/usr/bin/java", "java", "/usr/lib/jvm/java-21-openjdk-amd64/bin/java", 2111, Alternative{Link: "/usr/share/man/java.1", Name: "java.1", Path: "/usr/lib/jvm/java-21-openjdk-amd64/man/java.1"}),
			one("/usr/bin/keytool", "keytool", "/usr/lib/jvm/java-21-openjdk-amd64/bin/keytool", 2111)}},
		{"functions, positional parameters and suffixes", `offer() { local f="$1"; shift; b=${f##*/}; update-alternatives --install /usr/bin/${b%%-*} ${b%-*} "$f" $1; }
for f in /usr/bin/tool-*; do offer $f 5; done`, []Alternative{one("/usr/bin/tool", "tool", "/usr/bin/tool-1", 5), one("/usr/bin/tool", "tool", "/usr/bin/tool-2", 5)}},
		{"a script of another package", `if [ -f /usr/share/my/configure ]; then /usr/share/my/configure install mariadb "/etc/my/mariadb.cnf"; fi`,
			[]Alternative{one("/etc/my/my.cnf", "my.cnf", "/etc/my/mariadb.cnf", 500)}},
		{"a file of functions", `. /usr/share/debconf/confmodule
. /usr/share/pg/functions
offer_psql psql 17`, []Alternative{one("/usr/share/man/psql.1", "psql.1", "/usr/share/pg/17/psql.1", 170)}},
		{"answers of a fresh system", `if ! update-alternatives --query x | grep -q Value; then update-alternatives --install /a a /b 1 || true; fi
getent group g >/dev/null || update-alternatives --install /c c /d 2
[ -x "$(command -v update-alternatives)" ] && update-alternatives --install /e e /f 3
if grep -q x /etc/y; then update-alternatives --install /no no /no 4; fi`, []Alternative{one("/a", "a", "/b", 1), one("/c", "c", "/d", 2), one("/e", "e", "/f", 3)}},
		{"loops without end, and recursion", `f() { f; }; f
while true; do update-alternatives --install /no no /no 1; done`, nil},
		{"quotes, escapes and case classes", `p='/usr/bin/a b'; case "x1" in [!a]2) ;; x[0-9]) update-alternatives --install "/usr/bin/q\"" q\ q "$p" "-7";; esac`,
			[]Alternative{one(`/usr/bin/q"`, "q q", "/usr/bin/a b", -7)}},
		{"damaged calls", `update-alternatives --install /a a; update-alternatives --install relative a /b 1; update-alternatives --install /a ../a /b 1
update-alternatives --install /a a /b high; update-alternatives --slave /a a /b`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := paths{"/usr/share/pg/functions": "offer_psql() { update-alternatives --install /usr/share/man/$1.1 $1.1 /usr/share/pg/$2/$1.1 ${2}0; }\n", "/usr/share/debconf/confmodule": "exit 1\n",
				"/usr/lib/jvm/java-21-openjdk-amd64/man/java.1": "", "/usr/bin/tool-1": "", "/usr/bin/tool-2": "",
				"/usr/share/my/configure": "#!/bin/sh\nset -e\nif [ $# -lt 3 ]; then exit 1; fi\ncase $1 in install) update-alternatives --install /etc/my/my.cnf my.cnf \"$3\" 500;; esac\n"}
			if diff := cmp.Diff(c.want, setupOf(t, c.script, files).Alternatives); diff != "" {
				t.Errorf("alternatives (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherEffectsOfScripts(t *testing.T) {
	got := setupOf(t, `USER="redis"
dir () { D="${1}"; mkdir -p ${D}; if ! dpkg-statoverride --list ${D} >/dev/null 2>&1; then chown ${USER} ${D}; fi; }
adduser --system --home /var/lib/redis --quiet --group ${USER} || true
if ! getent group tcpdump >/dev/null 2>&1; then addgroup --system --quiet tcpdump; fi
adduser --system --ingroup tcpdump --no-create-home --home=/nonexistent tcpdump
adduser redis tcpdump
useradd -r -d /srv -s /bin/false web
adduser --system plain
dir /var/log/redis
install -d -o root -m 0755 "$DPKG_ROOT/var/lib/x"
install -m 644 /usr/share/x/conf /etc/x.conf
cp /usr/share/gone /etc/gone
ucf --three-way /usr/share/x/conf /etc/x/copy.conf
ln -sf /usr/share/x/conf /etc/link
systemd-sysusers ${DPKG_ROOT:+--root="$DPKG_ROOT"} x.conf
fc-cache -s; update-mime-database.real /usr/share/mime
/usr/lib/x/program.bin --update > /usr/lib/x/cache`, paths{"/usr/share/x/conf": "text"})
	want := Setup{
		Accounts: []Account{
			{Name: "redis", Home: "/var/lib/redis"}, {Name: "tcpdump", Group: true}, {Name: "tcpdump", Home: "/nonexistent", In: "tcpdump"},
			{Name: "web", Home: "/srv", Shell: "/bin/false"}, {Name: "plain", In: "nogroup"},
		},
		Dirs:     []string{"/var/log/redis", "/var/lib/x"},
		Copies:   []Link{{"/etc/x.conf", "/usr/share/x/conf"}, {"/etc/x/copy.conf", "/usr/share/x/conf"}},
		Links:    []Link{{"/etc/link", "/usr/share/x/conf"}},
		Sysusers: []string{"x.conf"},
		Calls:    []string{"fc-cache", "program.bin", "update-mime-database.real"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("setup (-want +got):\n%s", diff)
	}
}

func TestScriptsThatAreNoneOfTheShell(t *testing.T) {
	for _, script := range []string{"#!/usr/bin/perl\nprint 1;\n", "\x7fELF", "", "#!/bin/sh\nif then ((\n"} {
		if got, err := ReadSetup([]byte(script), []string{"configure"}, "amd64", paths{}); err == nil {
			t.Errorf("%q was read: %+v", script, got)
		}
	}
}

func TestVersionsBeforeTheFirstInstallation(t *testing.T) {
	for _, c := range []struct {
		a, op, b string
		want     status
	}{
		{"", "lt", "1", success}, {"", "lt-nl", "1", failure}, {"", "gt", "1", failure}, {"", "ge-nl", "1", success},
		{"1.0~", "lt", "1.0", success}, {"2", "le-nl", "1", failure}, {"1:1", "gt", "2", success}, {"x y", "eq", "1", failure},
	} {
		if got := compareVersions(c.a, c.op, c.b); got != c.want {
			t.Errorf("%q %s %q: %v", c.a, c.op, c.b, got)
		}
	}
}

func FuzzReadSetup(f *testing.F) {
	f.Add([]byte("#!/bin/sh\nset -e\nfor i in a b; do update-alternatives --install /usr/bin/$i $i /usr/bin/$i-1 10 --slave /x ${i%a} /y; done\n"))
	f.Add([]byte("#!/bin/sh\ncase \"$1\" in [!x]*) x=$(echo \"$(dirname /a/b)\" | cat); esac; [ a = b -o ! -e /x ] && adduser --system ${x:-y}\n"))
	f.Fuzz(func(t *testing.T, script []byte) {
		_, _ = ReadSetup(script, []string{"configure", ""}, "amd64", paths{"/usr/bin/x": ""})
	})
}
