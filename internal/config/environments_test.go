package config

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
)

// shop is the fleet of a file of testdata.
func shop(t *testing.T, file string) *Fleet {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	f, findings := Parse(FileName, data)
	if f == nil {
		t.Fatal(findings)
	}
	return f
}

// environmentOf is one of good-environments.yaml.
func environmentOf(t *testing.T, name string) Environment {
	t.Helper()
	e, err := shop(t, "good-environments.yaml").Environment(name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestPlacementOf: a service's own settings win over those of the environment, these over
// the defaults.
func TestPlacementOf(t *testing.T) {
	canary := deploy.Strategy{Kind: deploy.Canary, Percent: []int{5, 25, 50}, Every: 2 * time.Minute, Analysed: true}
	checked := canary
	checked.Checked = true
	for service, want := range map[string]Placement{
		"web":     {Strategy: checked, Replicas: 4, MemoryBytes: 1 << 30, CPU: 0.5, Env: map[string]string{"LOG_LEVEL": "debug", "RETRIES": "3"}},
		"api":     {Strategy: checked, Replicas: 2, MemoryBytes: 512 << 20, CPU: 0.5, Env: map[string]string{"LOG_LEVEL": "info", "RETRIES": "3"}},
		"migrate": {Strategy: canary, Replicas: 2, MemoryBytes: 512 << 20, CPU: 0.5, Env: map[string]string{"LOG_LEVEL": "info", "RETRIES": "3"}},
		"mailer": {
			Strategy: deploy.Strategy{Kind: deploy.Rolling, Unavailable: 1}, Replicas: 1, MemoryBytes: 512 << 20, CPU: 0.25,
			Env: map[string]string{"LOG_LEVEL": "info", "RETRIES": "3"},
		},
	} {
		if diff := cmp.Diff(want, environmentOf(t, "production").Of(service)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", service, diff)
		}
	}
	want := Placement{Strategy: deploy.Strategy{Kind: deploy.Rolling, Surge: 1}, Replicas: 1, Env: map[string]string{}}
	if diff := cmp.Diff(want, Environment{}.Of("web")); diff != "" {
		t.Errorf("the defaults (-want +got):\n%s", diff)
	}
	if s := (Environment{Placement: Placement{Strategy: canary}, Analysis: Analysis{Off: true}}).Of("web").Strategy; s.Analysed {
		t.Error("analysis: off is analysed")
	}
	if e := environmentOf(t, "production"); len(e.Env) != 2 || e.Of("web").Env["LOG_LEVEL"] != "debug" || e.Env["LOG_LEVEL"] != "info" {
		t.Errorf("Of changes the environment: %v", e.Env)
	}
	for _, e := range shop(t, "good-environments.yaml").Environments {
		for _, service := range []string{"web", "api", "mailer", "migrate"} {
			if err := e.Of(service).Strategy.Check(); err != nil {
				t.Errorf("%s of %s: %v", service, e.Name, err)
			}
		}
	}
}

// TestEnvironmentsAreAsWritten: in the order of the file, by name, with the nearest name
// where there is none.
func TestEnvironmentsAreAsWritten(t *testing.T) {
	f := shop(t, "good-environments.yaml")
	var names []string
	for _, e := range f.Environments {
		names = append(names, e.Name)
	}
	if diff := cmp.Diff([]string{"staging", "production", "qa", "cluster"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, hint := range map[string]string{"prodution": `did you mean "production"?`, "test": "the environments are staging, production, qa, cluster"} {
		_, err := f.Environment(name)
		var failure *diag.Failure
		if !errors.As(err, &failure) || failure.Exit != diag.ExitUsage || failure.Hint != hint || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := shop(t, "good-fast.yaml").Environment("staging")
	if failure := (*diag.Failure)(nil); !errors.As(err, &failure) || !strings.Contains(failure.Hint, "slipway.yaml, such as {staging: {target: host}}") {
		t.Errorf("no environments: %v", err)
	}
}

// TestEnvironmentsSurviveJSON: what is recorded of an environment is the environment.
func TestEnvironmentsSurviveJSON(t *testing.T) {
	for _, file := range []string{"good-environments.yaml", "good-environments-one-service.yaml", "good-environments-warnings.yaml"} {
		for _, want := range shop(t, file).Environments {
			data, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var got Environment
			if err := json.Unmarshal(data, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(want, got) {
				t.Errorf("%s of %s: %+v, and was %+v", want.Name, file, got, want)
			}
		}
	}
}

// TestSecretsOfAService: those without services are of all; a source never is the value.
func TestSecretsOfAService(t *testing.T) {
	e := environmentOf(t, "production")
	for service, want := range map[string][]string{
		"api":    {`DATABASE_URL: the command "sops -d --extract url deploy/secrets.yaml"`, "/run/secrets/signing.pem: the file deploy/signing.pem"},
		"mailer": {"SMTP_LOGIN: the variable PROD_SMTP_LOGIN", "/run/secrets/signing.pem: the file deploy/signing.pem"},
		"web":    {"/run/secrets/signing.pem: the file deploy/signing.pem"},
	} {
		var got []string
		for _, s := range e.SecretsOf(service) {
			got = append(got, s.Name+s.Target+": "+s.Source())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", service, diff)
		}
	}
	if got := environmentOf(t, "cluster").Secrets[0].Source(); got != "the Kubernetes Secret database/url" {
		t.Error(got)
	}
}

// TestSecretsInPlainTextAreNotRepeated: neither the finding nor one of the next line shows
// the line.
func TestSecretsInPlainTextAreNotRepeated(t *testing.T) {
	for _, file := range []string{"environments.yaml", "environments-secrets.yaml", "environments-strategies.yaml", "good-environments-warnings.yaml"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), "hunter2") {
			t.Errorf("%s has no secret", file)
		}
		if _, findings := Parse(FileName, data); strings.Contains(findings.Error(), "hunter2") {
			t.Errorf("%s is repeated:\n%v", file, findings)
		}
	}
}

// TestFreezes: on the clock of their zone, over midnight and over the change to summer time.
func TestFreezes(t *testing.T) {
	weekend := Freeze{Days: []time.Weekday{time.Friday}, Begin: 16 * time.Hour, End: 24 * time.Hour, Zone: "Europe/Berlin"}
	night := Freeze{Days: []time.Weekday{time.Saturday}, Begin: 22 * time.Hour, End: 6 * time.Hour, Zone: "Europe/Berlin"}
	once := Freeze{From: moment("2026-12-20T00:00:00Z"), To: moment("2026-12-24T00:00:00Z")}
	whole := Freeze{Days: []time.Weekday{time.Sunday}, End: 24 * time.Hour}
	for _, c := range []struct {
		name      string
		f         Freeze
		at, until string
	}{
		{"before 16:00 in summer", weekend, "2026-07-03T13:59:59Z", ""},
		{"16:00 in summer", weekend, "2026-07-03T14:00:00Z", "2026-07-03T22:00:00Z"},
		{"the last second", weekend, "2026-07-03T21:59:59Z", "2026-07-03T22:00:00Z"},
		{"midnight", weekend, "2026-07-03T22:00:00Z", ""},
		{"the same hour in winter", weekend, "2026-12-04T14:00:00Z", ""},
		{"16:00 in winter", weekend, "2026-12-04T15:00:00Z", "2026-12-04T23:00:00Z"},
		{"on another day", weekend, "2026-12-03T16:00:00Z", ""},
		{"over midnight, before", night, "2026-12-05T22:00:00Z", "2026-12-06T05:00:00Z"},
		{"over midnight, after", night, "2026-12-06T04:59:59Z", "2026-12-06T05:00:00Z"},
		{"over midnight, at its end", night, "2026-12-06T05:00:00Z", ""},
		{"the night before it", night, "2026-12-05T04:00:00Z", ""},
		{"the night of summer time is an hour shorter", night, "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"},
		{"over the end of a month", Freeze{Days: []time.Weekday{time.Saturday}, Begin: 22 * time.Hour, End: 6 * time.Hour}, "2026-11-01T01:00:00Z", "2026-11-01T06:00:00Z"},
		{"a whole day of UTC", whole, "2026-12-06T00:00:00Z", "2026-12-07T00:00:00Z"},
		{"once, before", once, "2026-12-19T23:59:59Z", ""},
		{"once, in it", once, "2026-12-20T00:00:00Z", "2026-12-24T00:00:00Z"},
		{"once, after", once, "2026-12-24T00:00:00Z", ""},
	} {
		var want time.Time
		if c.until != "" {
			want = moment(c.until)
		}
		if got := c.f.Until(moment(c.at)); !got.Equal(want) {
			t.Errorf("%s: until %v, want %v", c.name, got, want)
		}
	}
}

// TestFreezesInARow: deploys go on at the end of the last one; the first says why.
func TestFreezesInARow(t *testing.T) {
	e := environmentOf(t, "production")
	for at, want := range map[string]string{
		"2026-07-03T14:00:00Z": "2026-07-06T06:00:00Z", // Friday 16:00 in Berlin, the days after, and the night to Monday
		"2026-07-06T06:00:00Z": "",
		"2026-12-18T15:00:00Z": "2027-01-04T06:00:00Z", // a weekend, then the end of the year
		"2026-11-26T12:00:00Z": "2026-11-30T20:00:00Z", // two hours before the night
	} {
		why, until, frozen := e.Frozen(moment(at))
		if frozen != (want != "") || frozen && !until.Equal(moment(want)) {
			t.Errorf("%s: frozen %v until %v, want %q", at, frozen, until, want)
		}
		if strings.HasSuffix(at, "T14:00:00Z") && why.Reason != "weekend" {
			t.Errorf("%s: the reason is %q", at, why.Reason)
		}
	}
	always := Environment{Freeze: []Freeze{{Days: []time.Weekday{0, 1, 2, 3, 4, 5, 6}, End: 24 * time.Hour}}}
	if _, until, frozen := always.Frozen(moment("2026-07-01T00:00:00Z")); !frozen || until.Before(moment("2027-07-01T00:00:00Z")) {
		t.Errorf("a freeze of every hour ends at %v", until)
	}
}

// moment reads a time of RFC 3339.
func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}
