package scan

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/internal/advisory"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/inventory"
)

// read takes what a scanner printed, which its content tells apart.
func (r *Result) read(data []byte) error {
	var form struct {
		Runs            json.RawMessage `json:"runs"`            // SARIF
		Matches         json.RawMessage `json:"matches"`         // grype
		SchemaVersion   json.RawMessage `json:"SchemaVersion"`   // trivy
		Vulnerabilities json.RawMessage `json:"vulnerabilities"` // snyk: of the system
		Applications    json.RawMessage `json:"applications"`    // snyk: of what is installed on it
		OK              *bool           `json:"ok"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	r.Vulnerabilities = []advisory.Hit{}
	r.Database = &advisory.Database{}
	var err error
	switch {
	case form.Runs != nil:
		err = r.sarif(form.Runs)
	case form.Matches != nil:
		err = r.grype(data)
	case form.SchemaVersion != nil:
		err = r.trivy(data)
	case form.Vulnerabilities != nil && form.OK != nil:
		err = r.snyk(form.Vulnerabilities, "")
		if err == nil && form.Applications != nil {
			err = r.snykApplications(form.Applications)
		}
	default:
		err = errors.New("neither SARIF nor the JSON of a known scanner")
	}
	slices.SortStableFunc(r.Vulnerabilities, func(a, b advisory.Hit) int {
		return cmp.Or(a.Severity.Rank()-b.Severity.Rank(), strings.Compare(a.Package.Name, b.Package.Name), strings.Compare(a.ID, b.ID))
	})
	return err
}

// word is a severity as scanners write it.
func word(text string) advisory.Severity {
	s := advisory.Severity(strings.ToLower(text))
	switch s {
	case "moderate":
		return advisory.Medium
	case "negligible":
		return advisory.Low
	}
	if s.Rank() == advisory.Unknown.Rank() {
		return advisory.Unknown
	}
	return s
}

func listed(versions ...string) (out []string) {
	for _, v := range versions {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

// grype reads the JSON of grype.
func (r *Result) grype(data []byte) error {
	var doc struct {
		Matches []struct {
			Vulnerability struct {
				ID, Severity, Description string
				Fix                       struct {
					Versions []string
					State    string
				}
				CVSS []struct {
					Metrics struct {
						BaseScore float64 `json:"baseScore"`
					}
				}
			}
			Related  []struct{ ID string } `json:"relatedVulnerabilities"`
			Artifact struct {
				Name, Version, Type, PURL string
				Locations                 []struct{ Path string }
			}
		}
		Descriptor struct {
			DB struct {
				Built  time.Time
				Status struct{ Built time.Time }
			}
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	for _, m := range doc.Matches {
		h := advisory.Hit{ID: m.Vulnerability.ID, Severity: word(m.Vulnerability.Severity), Fixed: listed(m.Vulnerability.Fix.Versions...), Reach: advisory.NotKnown}
		h.FixUnknown = len(h.Fixed) == 0 && (m.Vulnerability.Fix.State == "unknown" || m.Vulnerability.Fix.State == "fixed")
		h.Package = inventory.Package{Type: typeOf(m.Artifact.PURL), Name: m.Artifact.Name, Version: m.Artifact.Version, URL: m.Artifact.PURL, Sure: inventory.ByManifest}
		if len(m.Artifact.Locations) > 0 {
			h.Package.Path = strings.TrimPrefix(m.Artifact.Locations[0].Path, "/")
		}
		for _, c := range m.Vulnerability.CVSS {
			h.Score = max(h.Score, c.Metrics.BaseScore)
		}
		for _, o := range m.Related {
			if o.ID != h.ID {
				h.Aliases = append(h.Aliases, o.ID)
			}
		}
		r.Vulnerabilities = append(r.Vulnerabilities, h)
	}
	r.Database.Updated = doc.Descriptor.DB.Built
	if r.Database.Updated.IsZero() {
		r.Database.Updated = doc.Descriptor.DB.Status.Built
	}
	return nil
}

// typeOf is the type in a package URL.
func typeOf(url string) inventory.Type {
	kind, _, _ := strings.Cut(strings.TrimPrefix(url, "pkg:"), "/")
	return inventory.Type(kind)
}

// trivy reads the JSON of trivy.
func (r *Result) trivy(data []byte) error {
	var doc struct {
		Results []struct {
			Target          string
			Vulnerabilities []struct {
				VulnerabilityID, PkgName, PkgPath, InstalledVersion, FixedVersion, Severity, Title, Status string
				PkgIdentifier                                                                              struct{ PURL string }
				PublishedDate                                                                              time.Time
			}
			Secrets []struct {
				RuleID    string
				StartLine int
				Layer     struct{ Digest string }
			}
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	for _, result := range doc.Results {
		for _, v := range result.Vulnerabilities {
			r.Vulnerabilities = append(r.Vulnerabilities, advisory.Hit{
				ID: v.VulnerabilityID, Severity: word(v.Severity), Fixed: listed(v.FixedVersion), FixUnknown: v.FixedVersion == "" && (v.Status == "unknown" || v.Status == "fixed"), Summary: v.Title, Published: v.PublishedDate, Reach: advisory.NotKnown,
				Package: inventory.Package{Type: typeOf(v.PkgIdentifier.PURL), Name: v.PkgName, Version: v.InstalledVersion, URL: v.PkgIdentifier.PURL, Path: cmp.Or(v.PkgPath, result.Target), Sure: inventory.ByManifest},
			})
		}
		for _, s := range result.Secrets {
			r.Secrets = append(r.Secrets, gate.Secret{Rule: s.RuleID, File: strings.TrimPrefix(result.Target, "/"), Line: s.StartLine, Layer: s.Layer.Digest, Where: "layer"})
		}
	}
	return nil
}

// snykApplications reads the vulnerabilities of an image's applications, which snyk lists
// apart from those of its system.
func (r *Result) snykApplications(data []byte) error {
	var list []struct {
		Vulnerabilities   json.RawMessage
		DisplayTargetFile string
		TargetFile        string
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, a := range list {
		if a.Vulnerabilities == nil {
			return errors.New("an application without vulnerabilities, which snyk could not test")
		}
		if err := r.snyk(a.Vulnerabilities, strings.TrimPrefix(cmp.Or(a.DisplayTargetFile, a.TargetFile), "/")); err != nil {
			return err
		}
	}
	return nil
}

// snyk reads a list of vulnerabilities of snyk, of the packages of a file.
func (r *Result) snyk(data []byte, file string) error {
	var list []struct {
		ID, Title, Severity, PackageName, Version string
		CVSSScore                                 float64
		FixedIn                                   []string
		NearestFixedInVersion                     string
		Identifiers                               struct{ CVE, GHSA []string }
		PackageManager                            string
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, v := range list {
		r.Vulnerabilities = append(r.Vulnerabilities, advisory.Hit{
			ID: v.ID, Aliases: slices.Concat(v.Identifiers.CVE, v.Identifiers.GHSA), Severity: word(v.Severity), Score: v.CVSSScore,
			Fixed: slices.Compact(listed(append([]string{v.NearestFixedInVersion}, v.FixedIn...)...)), Summary: v.Title, Reach: advisory.NotKnown,
			Package: inventory.Package{Type: typeOf("pkg:" + v.PackageManager + "/"), Name: v.PackageName, Version: v.Version, Path: file, Sure: inventory.ByManifest},
		})
	}
	return nil
}

// sarif reads the runs of SARIF: a result with a security severity, or of an error's
// level, is a vulnerability of the file that it names. SARIF has no place for the version
// that fixes it.
func (r *Result) sarif(data []byte) error {
	var runs []struct {
		Tool struct {
			Driver struct {
				Rules []struct {
					ID         string
					Short      sarifText `json:"shortDescription"`
					Properties map[string]any
				}
			}
		}
		Results []struct {
			RuleID       string `json:"ruleId"`
			Level        string
			Message      sarifText
			Locations    []sarifLocation
			Suppressions []sarifSuppression
		}
	}
	if err := json.Unmarshal(data, &runs); err != nil {
		return err
	}
	for _, run := range runs {
		points, texts := map[string]float64{}, map[string]string{}
		for _, rule := range run.Tool.Driver.Rules {
			text, _ := rule.Properties["security-severity"].(string)
			points[rule.ID], _ = strconv.ParseFloat(text, 64) // 0 for none
			texts[rule.ID] = rule.Short.Text
		}
		for _, result := range run.Results {
			h := advisory.Hit{ID: result.RuleID, Score: points[result.RuleID], Severity: byLevel(result.Level, points[result.RuleID]), Summary: cmp.Or(result.Message.Text, texts[result.RuleID]), FixUnknown: true, Reach: advisory.NotKnown}
			h.Package = inventory.Package{Name: result.RuleID, Sure: inventory.ByName}
			if len(result.Locations) > 0 {
				h.Package.Path = result.Locations[0].Physical.Artifact.URI
				h.Package.Name = cmp.Or(h.Package.Path, h.Package.Name)
			}
			if len(result.Suppressions) > 0 {
				h.Dismissed = cmp.Or(result.Suppressions[0].Justification, "suppressed")
			}
			r.Vulnerabilities = append(r.Vulnerabilities, h)
		}
	}
	return nil
}

// byLevel is the severity of a result: of its score, else of its level.
func byLevel(level string, score float64) advisory.Severity {
	switch {
	case score > 0:
		return advisory.Grade(score)
	case level == "error":
		return advisory.High
	case level == "note", level == "none":
		return advisory.Low
	}
	return advisory.Medium // SARIF's default is a warning
}
