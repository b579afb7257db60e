package proxy

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func tableOf(routes ...Route) *table {
	t := &table{hosts: map[string][]target{}}
	for _, r := range routes {
		if err := t.add(r, &service{name: r.Service}); err != nil {
			panic(err)
		}
	}
	for _, list := range t.hosts {
		if len(list) > 1 && len(list[0].prefix) < len(list[1].prefix) {
			list[0], list[1] = list[1], list[0]
		}
	}
	return t
}

// FuzzMatch: a request gets a service only when its path is below the service's
// prefix, both as it is and resolved; no host leads to another host's routes.
func FuzzMatch(f *testing.F) {
	for _, host := range []string{"shop.example", "a.b.example", "[::1]:80", "x", "", "*.example", "SHOP.example.:1", "....", "shop.example:"} {
		for _, at := range []string{"/", "/api", "/api/x", "/apis", "//api", "/x/../api", "*", "", `\api`, "/api/..", "/./api/"} {
			f.Add(host, at)
		}
	}
	t := tableOf(Route{Host: "shop.example", Service: "shop"}, Route{Host: "shop.example", Prefix: "/api", Service: "api"},
		Route{Host: "*.example", Prefix: "/", Service: "below"}, Route{Prefix: "/any", Service: "any"})
	f.Fuzz(func(test *testing.T, host, at string) {
		to, no := t.match(host, at)
		if (to == nil) == (no == nil) {
			test.Fatalf("%q %q: %v and %v", host, at, to, no)
		}
		if to == nil {
			return
		}
		lower := strings.ToLower(host)
		clean := path.Clean("/" + at)
		isAPI := func(p string) bool { return p == "/api" || strings.HasPrefix(p, "/api/") }
		switch to.service.name {
		case "api":
			if !strings.Contains(lower, "shop.example") || !isAPI(at) || !isAPI(clean) {
				test.Errorf("%q %q is for api", host, at)
			}
		case "shop":
			if !strings.Contains(lower, "shop.example") || isAPI(at) || isAPI(clean) {
				test.Errorf("%q %q is for shop", host, at)
			}
		case "below":
			if !strings.Contains(lower, ".example") {
				test.Errorf("%q %q is for *.example", host, at)
			}
		case "any":
			if !strings.HasPrefix(at, "/any") || strings.HasPrefix(at, "/anyx") {
				test.Errorf("%q %q is for any", host, at)
			}
		}
	})
}

func TestABodyIsReadAgain(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", keptBody/16)
	r := &replay{src: iotest.HalfReader(strings.NewReader(text))}
	for i := range 3 {
		v, err := r.again()
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			_, _ = io.ReadFull(v, make([]byte, 100))
			continue
		}
		if got, err := io.ReadAll(v); err != nil || string(got) != text {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	long := &replay{src: strings.NewReader(text + "x")}
	first, _ := long.again()
	if got, err := io.ReadAll(first); err != nil || len(got) != keptBody+1 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := long.again(); !errors.Is(err, errBodyGone) {
		t.Errorf("more than is kept is read again: %v", err)
	}
}

// TestALateReadIsNotLost: the read of an earlier attempt is still under way when the
// next one begins; its bytes go to the next one.
func TestALateReadIsNotLost(t *testing.T) {
	from, to := io.Pipe()
	r := &replay{src: from}
	old, _ := r.again()
	ended := make(chan error, 1)
	reading := make(chan struct{})
	go func() {
		close(reading)
		_, err := old.Read(make([]byte, 100))
		ended <- err
	}()
	<-reading
	for !locked(r) {
		time.Sleep(time.Millisecond)
	}
	next, err := r.again()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.WriteString(to, "first ")
		_, _ = io.WriteString(to, "second")
		_ = to.Close()
	}()
	got, err := io.ReadAll(next)
	if err != nil || string(got) != "first second" {
		t.Errorf("%q, %v", got, err)
	}
	if err := <-ended; !errors.Is(err, errBodyGone) {
		t.Errorf("the old attempt reads on: %v", err)
	}
}

// locked reports that somebody reads the source.
func locked(r *replay) bool {
	if r.reading.TryLock() {
		r.reading.Unlock()
		return false
	}
	return true
}

func TestBinsHoldTheirDurations(t *testing.T) {
	for d := time.Duration(0); d < time.Minute; d = d*9/8 + time.Microsecond {
		b := bin(d)
		if d < lower(b) || d >= lower(b+1) {
			t.Fatalf("%s is in a bin from %s to %s", d, lower(b), lower(b+1))
		}
	}
	if bin(time.Hour) != bins-1 || bin(-1) != 0 {
		t.Error("durations out of range")
	}
}

func TestBucketsOfAddressesAreEven(t *testing.T) {
	below := 0
	for a := range 100 {
		for b := range 100 {
			if bucketOf("web", fmt.Sprintf("10.0.%d.%d", a, b)) < buckets/10 {
				below++
			}
		}
	}
	if below < 800 || below > 1200 {
		t.Errorf("%d of 10000 addresses are in the first tenth of the buckets", below)
	}
}
