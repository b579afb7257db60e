package dockerfile

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/test/pace"
)

// doubling is a chain of lines, each of which uses the one before n times.
func doubling(format string, lines, n int) string {
	var b strings.Builder
	for i := 1; i <= lines; i++ {
		fmt.Fprintf(&b, format+"\n", fmt.Sprintf("A%d", i), strings.Repeat(fmt.Sprintf("${A%d}", i-1), n))
	}
	return b.String()
}

func TestExpansionBombsAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"ARG before FROM":          "ARG A0=xxxxxxxxxx\n" + doubling("ARG %s=%s", 30, 3) + "FROM scratch\n",
		"ARG in a stage":           "FROM scratch\nARG A0=xxxxxxxxxx\n" + doubling("ARG %s=%s", 30, 2),
		"ARG without a value":      "FROM scratch\nARG A0\n" + doubling("ARG %s=%s", 30, 2),
		"ENV":                      "FROM scratch\nENV A0=xxxxxxxxxx\n" + doubling("ENV %s=%s", 30, 2),
		"old ENV":                  "FROM scratch\nENV A0 xxxxxxxxxx\n" + doubling("ENV %s %s", 30, 2),
		"one ENV by itself":        "FROM scratch\nENV A=xxxxxxxxxx\n" + strings.Repeat("ENV A=$A$A\n", 40),
		"through stages":           "FROM scratch AS s0\nENV A=xxxxxxxxxx\n" + stagesOf(40, "ENV A=$A$A"),
		"global into a stage":      "ARG A0=xxxxxxxxxx\n" + doubling("ARG %s=%s", 12, 2) + "FROM scratch\nARG A12\nENV A0=$A12$A12$A12$A12\n" + doubling("ENV %s=%s", 12, 2),
		"default of another":       "FROM scratch\nENV A0=xxxxxxxxxx\n" + strings.ReplaceAll(doubling("ENV %s=%s", 30, 2), "}", ":-${B:-$A0}}"),
		"replacement":              "FROM scratch\nENV A=" + strings.Repeat("x", 1000) + "\n" + strings.Repeat("ENV A=${A//x/xxxxxxxxxx}\n", 10),
		"LABEL":                    "FROM scratch\nENV A=" + strings.Repeat("x", 60000) + "\nLABEL l=" + strings.Repeat("$A", 100) + "\n",
		"COPY of a heredoc":        "FROM scratch\nENV A=" + strings.Repeat("x", 60000) + "\nCOPY <<EOF /a\n" + strings.Repeat("$A\n", 100) + "EOF\n",
		"WORKDIR":                  "FROM scratch\nENV A=" + strings.Repeat("x", 60000) + "\nWORKDIR /" + strings.Repeat("$A", 100) + "\n",
		"FROM":                     "ARG A=" + strings.Repeat("x", 60000) + "\nFROM " + strings.Repeat("$A", 100) + "\n",
		"many lines, not one long": "FROM scratch\nENV A=" + strings.Repeat("x", 60000) + "\n" + strings.Repeat("LABEL l=$A$A$A$A$A$A$A$A$A$A\n", 200),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := Read("Dockerfile", []byte(text))
			if err == nil || !strings.Contains(err.Error(), "[SLP540]") || !strings.Contains(err.Error(), "hint: ") {
				t.Errorf("%.300v", err)
			}
			if took := time.Since(began); took > pace.Within(2*time.Second) {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func stagesOf(n int, line string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "FROM s%d AS s%d\n%s\n", i, i+1, line)
	}
	return b.String()
}

func TestOrdinaryVariablesAreNoBombs(t *testing.T) {
	for name, text := range map[string]string{
		"paths":          "FROM scratch\nENV PATH=/a:$PATH\nENV PATH=/b:$PATH PATH=/c:$PATH\n",
		"a long path":    "FROM scratch\n" + strings.Repeat("ENV PATH=/opt/some/tool/bin:$PATH\n", 300),
		"versions":       "ARG V=1.2.3\nARG R=https://example.org/$V\nFROM scratch\nARG R\nADD $R/a-${V%.*}.tar.gz /\nENV U=$R/$V/$V N=${V//./-}\n",
		"shell":          "FROM scratch\nRUN " + strings.Repeat("a=$a$a; ", 2000) + "\n",
		"60 stages":      "FROM scratch AS s0\n" + stagesOf(60, "ENV A=$A/x"),
		"a large config": "FROM scratch\nARG N=web\nCOPY <<EOF /etc/c\n" + strings.Repeat("name=$N port=${PORT:-80}\n", 5000) + "EOF\n",
	} {
		if _, err := Read("Dockerfile", []byte(text)); err != nil {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}

func TestTooManyStagesAreRefused(t *testing.T) {
	if _, err := Read("Dockerfile", []byte("FROM scratch AS s0\n"+stagesOf(999, "RUN true"))); err != nil {
		t.Errorf("1,000 stages: %.200v", err)
	}
	for _, n := range []int{1000, 5000, 50000} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		_, err := Read("Dockerfile", []byte("FROM scratch AS s0\n"+stagesOf(n, "RUN true")))
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "more than 1000 stages [SLP541]") || !strings.Contains(err.Error(), "hint: split it") {
			t.Errorf("%d stages: %.200v", n+1, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; n <= 5000 && (took > pace.Within(2*time.Second) || used > 1<<30) {
			t.Errorf("%d stages took %s and %d bytes", n+1, took, used)
		}
	}
}
