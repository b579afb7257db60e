package testreport_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/testreport"
)

func read(t *testing.T, name, content string) testreport.Report {
	t.Helper()
	var r testreport.Report
	if err := testreport.Read(&r, "unit-tests", name, []byte(content)); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestHalfAFile: what came before the break counts, and the break has its line.
func TestHalfAFile(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		tests   int
		found   int
		covered int
		line    int
		text    string
	}{
		"junit.xml": {"<testsuite name=\"a\">\n<testcase name=\"one\" classname=\"a\"/>\n<testcase name=\"two\" class", 1, 0, 0, 3, "JUnit XML: the file ends in the middle; 1 test case before it was read"},
		"go-test.json": {`{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"outp`, 2, 0, 0, 4, "go test -json: the file ends in the middle of a line; 2 test cases before it were read"},
		"out.tap":     {"TAP version 13\nok 1 - a\nnot ok 2 - b\n", 2, 0, 0, 3, "TAP: the plan (1..N) is missing: the tests did not come to their end; 2 test cases before it were read"},
		"lcov.info":   {"TN:\nSF:a.js\nDA:1,1\nDA:2,0\n", 0, 0, 1, 4, "LCOV: end_of_record is missing: the file ends in the middle; the coverage of 1 file before it was read"},
		"lint.sarif":  {"{\"version\": \"2.1.0\",\n \"runs\": [{\"results\": [{\"ruleId\": \"R1\", \"level\": \"error\", \"message\": {\"text\": \"bad\"}},\n {\"rul", 0, 1, 0, 3, "SARIF: the file ends in the middle; 1 finding before it was read"},
		"jest.json":   {"{\"numTotalTests\": 2, \"testResults\": [{\"name\": \"a.test.js\", \"assertionResults\": [{\"title\": \"x\", \"status\": \"passed\"}]},\n{", 1, 0, 0, 2, "Jest's JSON: the file ends in the middle; 1 test case before it was read"},
		"eslint.json": {"[{\"filePath\": \"a.js\", \"messages\": [{\"ruleId\": \"semi\", \"severity\": 2, \"message\": \"m\", \"line\": 1}]},\n{\"fileP", 0, 1, 0, 2, "ESLint's JSON: the file ends in the middle; 1 finding before it was read"},
		"coverage.json": {`{"meta": {"format": 3}, "files": {"a.py": {"executed_lines": [1, 2], "missing_lines": [3]},
 "b.py": {"exec`, 0, 0, 1, 2, "coverage.py's JSON: the file ends in the middle; the coverage of 1 file before it was read"},
		"cover.out":      {"mode: set\nexample.com/a/a.go:3.10,5.2 1 1\nexample.com/a/a.go:7.1", 0, 0, 1, 3, "Go cover profile: the file ends in the middle of a line; the coverage of 1 file before it was read"},
		"checkstyle.xml": {"<checkstyle version=\"8\">\n<file name=\"A.java\">\n<error line=\"1\" severity=\"error\" message=\"m\" source=\"s\"/>\n", 0, 1, 0, 4, "Checkstyle: the file ends in the middle; 1 finding before it was read"},
		"jacoco.xml":     {"<report name=\"x\"><package name=\"com/example\"><sourcefile name=\"A.java\">\n<line nr=\"3\" mi=\"0\" ci=\"2\" mb=\"1\" cb=\"1\"/>\n", 0, 0, 1, 3, "JaCoCo: the file ends in the middle; the coverage of 1 file before it was read"},
		"cobertura.xml":  {"<coverage line-rate=\"1\"><packages><package><classes><class filename=\"a.py\">\n<lines><line number=\"1\" hits=\"1\"/>\n<li", 0, 0, 1, 3, "Cobertura: the file ends in the middle; the coverage of 1 file before it was read"},
		"cargo.json":     {`{"reason":"compiler-message","message":{"message":"m","level":"warning","code":{"code":"clippy::x"},"spans":[{"file_name":"src/a.rs","line_start":1,"column_start":2,"is_primary":true}]}}` + "\n{\"rea", 0, 1, 0, 2, "cargo's messages: the file ends in the middle of a line; 1 finding before it was read"},
		"cargo-test.txt": {"\nrunning 2 tests\ntest a ... ok\ntest b ... ", 2, 0, 0, 2, "the test binary did not come to its end"},
	} {
		r := read(t, name, c.content)
		if len(r.Cases) != c.tests || len(r.Findings) != c.found || len(r.Coverage) != c.covered {
			t.Errorf("%s: %d cases, %d findings, %d files", name, len(r.Cases), len(r.Findings), len(r.Coverage))
		}
		want := []testreport.Unreadable{{Stage: "unit-tests", File: name, Line: c.line, Text: c.text}}
		if diff := cmp.Diff(want, r.Problems); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestBrokenFiles(t *testing.T) {
	deep := strings.Repeat("<testsuite>", 200)
	bomb := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuites><testcase name="&b;"/></testsuites>`
	for _, c := range []struct{ name, content, text string }{
		{"junit.xml", "", "the file is empty: the program that writes it did not come to its end"},
		{"TEST-a.xml", "not XML", "the content is no report in a known format"},
		{"junit.xml", deep, "JUnit XML: elements are nested more than 100 deep; nothing could be read"},
		{"junit.xml", bomb, "JUnit XML: the file declares entities, which no report needs; nothing could be read"},
		{"junit.xml", "<testsuite><testcase name='a'></testsuite>", "JUnit XML: element <testcase> closed by </testsuite>; nothing could be read"},
		{"coverage.json", `{"meta": 1, "files": []}`, `coverage.py's JSON: [ where "{" should begin; nothing could be read`},
		{"a.sarif", `{"runs": [{"results": "none"}]}`, `SARIF: none where "[" should begin; nothing could be read`},
		{"junit.xml", strings.Repeat(" ", testreport.MaxBytes+1), "the file has 64 MB; reports are read up to 64 MB"},
		{"out.tap", "1..3\nok 1\nok 2\n", "TAP: 3 tests were planned, 2 are reported; 2 test cases before it were read"},
	} {
		r := read(t, c.name, c.content)
		if len(r.Problems) != 1 || r.Problems[0].Text != c.text {
			t.Errorf("%s: %+v", c.name, r.Problems)
		}
	}
	f := testreport.Unreadable{Stage: "unit-tests", File: "junit.xml", Line: 3, Text: "the file ends in the middle"}.Finding()
	if f.Code != "SLP550" || f.Place.String() != "junit.xml:3" || !strings.Contains(f.Hint, "stage unit-tests") {
		t.Errorf("%+v", f)
	}
}

// TestLimits: a report with too many cases keeps the first and says so.
func TestLimits(t *testing.T) {
	var b strings.Builder
	b.WriteString("1..200001\n")
	for i := range 200_001 {
		fmt.Fprintf(&b, "ok %d\n", i+1)
	}
	r := read(t, "a.tap", b.String())
	if len(r.Cases) != 200_000 || len(r.Problems) != 1 || r.Problems[0].Text != "more than 200000 test cases: the rest was not read" {
		t.Errorf("%d cases, %v", len(r.Cases), r.Problems)
	}
	b.Reset()
	b.WriteString("<testsuite>")
	body := strings.Repeat("w", 7000)
	for range 1300 {
		b.WriteString(`<testcase name="a"><failure message="m">` + body + `</failure></testcase>`)
	}
	r = read(t, "many.xml", b.String()+"</testsuite>")
	kept := 0
	for _, c := range r.Cases {
		kept += len(c.Output)
	}
	if last := r.Cases[1299]; kept > 9<<20 || last.Output != "" || last.Message != "m" || r.Cases[0].Output != body {
		t.Errorf("%d MB, %+v", kept>>20, last)
	}
	long := read(t, "j.xml", `<testsuite><testcase name="`+strings.Repeat("n", 5000)+`"><failure message="`+strings.Repeat("m", 100_000)+`">`+strings.Repeat("line\n", 50_000)+`</failure></testcase></testsuite>`)
	if c := long.Cases[0]; len(c.Name) > 1100 || len(c.Message) > 9000 || len(c.Output) > 10_000 {
		t.Errorf("%d, %d, %d bytes", len(c.Name), len(c.Message), len(c.Output))
	}
}

// TestControlCharacters: what a test prints reaches no terminal as a command.
func TestControlCharacters(t *testing.T) {
	r := read(t, "junit.xml", "<testsuite><testcase name=\"a\x1b]0;title\x07b\" classname=\"c&#27;[31m\"><failure message=\"&#x1b;[31mred&#x1b;[0m &#0;\">\x1b[2Jx\x00\xff</failure></testcase></testsuite>")
	c := r.Cases[0]
	for _, s := range []string{c.Name, c.Suite, c.Message, c.Output} {
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' }) {
			t.Errorf("%q", s)
		}
	}
	if c.Suite != "c" || !strings.HasPrefix(c.Message, "red") {
		t.Errorf("%q, %q", c.Suite, c.Message)
	}
}

// TestEncodings: UTF-16 of PowerShell, Latin-1 of old tools, a byte order mark.
func TestEncodings(t *testing.T) {
	text := `<testsuite><testcase name="Größe" classname="c"/></testsuite>`
	var wide strings.Builder
	wide.WriteString("\xff\xfe")
	for _, r := range text {
		wide.WriteByte(byte(r))
		wide.WriteByte(byte(r >> 8))
	}
	latin := `<?xml version="1.0" encoding="ISO-8859-1"?>` + strings.ReplaceAll(strings.ReplaceAll(text, "ö", "\xf6"), "ß", "\xdf")
	for _, content := range []string{text, "\xef\xbb\xbf" + text, wide.String(), latin} {
		r := read(t, "junit.xml", content)
		if len(r.Cases) != 1 || r.Cases[0].Name != "Größe" || len(r.Problems) > 0 {
			t.Errorf("%q: %+v", content[:20], r)
		}
	}
}

// TestLogins: a password in an address reaches no report.
func TestLogins(t *testing.T) {
	const login = "postgres://shop:hunter2@db:5432/orders"
	r := read(t, "junit.xml", `<testsuite><testcase name="pays `+login+`" classname="c"><failure message="cannot connect to `+login+`">at `+login+`
second line</failure><system-out>`+login+`</system-out></testcase></testsuite>`)
	if err := testreport.Read(&r, "lint", "a.sarif", []byte(`{"runs": [{"results": [{"message": {"text": "`+login+`"}}]}]}`)); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%+v", r)
	if strings.Contains(text, "hunter2") || !strings.Contains(text, "postgres://db:5432/orders") {
		t.Error(text)
	}
	for at := range 200 { // wherever a text is cut, no part of a login is left
		long := strings.Repeat("x", 8<<10-100+at) + " " + login + " " + strings.Repeat("y", 4<<10-at)
		r := read(t, "junit.xml", `<testsuite><testcase name="a"><failure message="`+long+`">`+long+`</failure></testcase></testsuite>`)
		if c := r.Cases[0]; strings.Contains(c.Message+c.Output, "hun") || strings.Contains(c.Message+c.Output, "ter2") {
			t.Fatalf("%d: %s, %s", at, c.Message, c.Output)
		}
	}
}

// TestEveryHalf cuts each file of the corpus at many places. Nothing that was read
// before is lost, and a format that has an end says that it did not come.
func TestEveryHalf(t *testing.T) {
	corpus(t, func(name string, content []byte) {
		var whole testreport.Report
		if err := testreport.Read(&whole, "stage", name, content); err != nil {
			t.Fatal(err)
		}
		ends := strings.HasSuffix(name, ".xml") || strings.HasSuffix(name, ".sarif") || content[0] == '[' || strings.HasPrefix(string(content), "{\n") || strings.HasPrefix(name, "jest") && content[0] == '{'
		trimmed := len(strings.TrimSpace(string(content)))
		before := 0
		for i := range 40 {
			at := 1 + (trimmed-2)*i/40
			var half testreport.Report
			err := testreport.Read(&half, "stage", name, content[:at])
			if err != nil && at > 400 && ends {
				t.Errorf("%s cut at %d: %v", name, at, err)
			}
			if err == nil && ends && len(half.Problems) == 0 {
				t.Errorf("%s cut at %d has no problem", name, at)
			}
			if n := len(half.Findings) + len(half.Coverage); ends && n < before {
				t.Errorf("%s cut at %d: %d findings and files, %d before", name, at, n, before)
			} else {
				before = n
			}
			if len(half.Failures()) > len(whole.Failures())+2 {
				t.Errorf("%s cut at %d: %d failures of %d", name, at, len(half.Failures()), len(whole.Failures()))
			}
		}
	})
}

// The name of a subtest may contain slashes; the part before one is not a test.
func TestSlashesInNamesOfGoSubtests(t *testing.T) {
	var r testreport.Report
	content := `{"Action":"run","Package":"p","Test":"TestAPI"}
{"Action":"run","Package":"p","Test":"TestAPI/GET_/orders/1"}
{"Action":"pass","Package":"p","Test":"TestAPI/GET_/orders/1","Elapsed":0}
{"Action":"pass","Package":"p","Test":"TestAPI","Elapsed":0}
{"Action":"pass","Package":"p","Elapsed":0}
`
	if err := testreport.Read(&r, "unit-tests", "go-test.json", []byte(content)); err != nil {
		t.Fatal(err)
	}
	if len(r.Cases) != 1 || r.Cases[0].Name != "TestAPI/GET_/orders/1" || r.Cases[0].Status != testreport.Passed {
		t.Errorf("%+v", r.Cases)
	}
}
