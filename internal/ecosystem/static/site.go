package static

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/plan"
)

// The codes of findings in static sites. A code has one meaning for ever.
const (
	codeNoPages = "SLP280" // there is nothing to serve
	codeCommand = "SLP281" // a start command for what nginx serves
	codeNoBase  = "SLP282" // a map of bases without the image that serves sites
	codeHealth  = "SLP283" // a way to ask for readiness that nginx does not answer
)

const (
	defaultPort   = 8080
	defaultHealth = "/healthz"
	outDir        = "/out/app"
)

// Site says how the files of a site are served, however they came to be.
type Site struct {
	Dir      string   // below the working directory of the build, "." for all of it
	Fallback string   // page that answers unknown paths, such as "/index.html"; "" for none
	Hashed   []string // PCRE over paths: names that carry a digest of their content
	Rules    Rules    // of requests, from the site's settings
}

// HexDigest matches names such as main.3f9c2e1d.js: at least eight hexadecimal
// characters, letters and digits among them, so that no date or word is one.
const HexDigest = `[.-](?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{8,}\.(?:chunk\.)?\w+$`

// Images names the images of a static site; toolchain is the one that builds it.
func Images(toolchain ecosystem.Images) ecosystem.Images {
	return ecosystem.Images{
		Ecosystem: "static", Version: "1.26",
		Debian:   ecosystem.Pair{Toolchain: toolchain.Debian.Toolchain, Runtime: "slipway/nginx:1.26-" + ecosystem.Suite},
		Official: ecosystem.Pair{Toolchain: toolchain.Official.Toolchain, Runtime: "nginx:1.26"},
		Alpine:   ecosystem.Pair{Toolchain: toolchain.Alpine.Toolchain, Runtime: "nginx:1.26-alpine-slim"},
	}
}

// Serve completes a service with what serving it decides: type, port, health.
func Serve(s *ecosystem.Service, manifest string) {
	if s.Want.Type == "" {
		s.Want.Type = "static"
	} else {
		s.Configured("type", s.Want.Type)
	}
	s.Fact("server", "nginx 1.26, unprivileged", "the version of Debian "+ecosystem.Suite, "", 0)
	if s.Want.Port != 0 {
		s.Configured("port", strconv.Itoa(s.Want.Port))
	} else {
		s.Want.Port = defaultPort
		s.Fact("port", strconv.Itoa(defaultPort), "default for static sites", "", 0)
	}
	switch h := &s.Want.Health; {
	case h.HTTP != "":
		s.Configured("health", "HTTP "+h.HTTP)
	case h.TCP:
		s.Configured("health", "TCP")
	case h.GRPC != nil || len(h.Command) > 0:
		s.ReportWanted(codeHealth, manifest, "write health: {http: "+defaultHealth+"}, or nothing", "a static site supports only an http: or tcp: health check")
	default:
		h.HTTP = defaultHealth
		s.Fact("health", "HTTP "+defaultHealth, "answered by nginx itself", "", 0)
	}
	if len(s.Want.Command) > 0 {
		s.ReportWanted(codeCommand, manifest, "delete command:, or write type: http to run your own server", "nginx serves a static site, so it has no command")
	}
}

// BasesFor returns the bases of a site that the toolchain of another ecosystem
// builds; the families name its images.
func BasesFor(s *ecosystem.Service, family config.Bases, toolchain ecosystem.Images) ecosystem.Bases {
	b := ecosystem.BasesFor(family, toolchain)
	b.Runtime = ecosystem.BasesFor(family, Images(toolchain)).Runtime
	b.Init = "" // nginx is made to be process 1
	if b.Runtime.Ref == "" || b.Toolchain.Ref == "" {
		s.ReportWanted(codeNoBase, "slipway.yaml", "add static-runtime: <image with nginx> and "+toolchain.Ecosystem+"-toolchain: <image> to bases:", "the map of bases has no images for a static site")
	}
	return b
}

// Pack are the steps that end a builder stage: they lay out the site, compressed.
// They need Node.js in the stage.
func (s Site) Pack() []plan.Step {
	return []plan.Step{
		{Op: plan.OpCopy, Args: []string{packFile}, Content: packScript, Comment: "Copies the site and compresses its text with gzip and Brotli at the highest levels."},
	}
}

// PackCommand runs what Pack has brought.
func (s Site) PackCommand() string {
	words := []string{s.Dir, outDir}
	if s.Rules.Listing || s.Rules.SSI {
		words = append(words, "-plain")
	}
	if s.Rules.Hidden {
		words = append(words, "-hidden")
	}
	for _, t := range s.Rules.Types {
		words = append(words, t.Glob+"="+t.Name)
	}
	return "node " + packFile + " " + strings.Join(ecosystem.Quoted(words), " ")
}

// RuntimeTools are those of any service, and the server's configuration.
func (s Site) RuntimeTools(svc *ecosystem.Service, b ecosystem.Bases, u config.User) plan.Stage {
	st := svc.RuntimeTools(b, u)
	st.Comment = "Health probe, user accounts and nginx configuration for the production image."
	st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Args: []string{configFile}, Content: s.config(svc.Want.Port, b.Runtime.Assembled)})
	if s.Rules.Accounts != "" {
		st.Steps = append(st.Steps, plan.Step{Op: plan.OpCopy, Chmod: "644", Args: []string{s.Rules.Accounts, accountFile}})
	}
	return st
}

// Production is what ships: nginx and the site. about brings the version and
// licence of the site; its bases and user are as given.
func (s Site) Production(svc *ecosystem.Service, about ecosystem.Image) plan.Stage {
	about.Start = []string{"/usr/sbin/nginx"}
	about.Layers = []plan.Step{{Op: plan.OpCopy, Link: true, From: plan.StageBuilder, Args: []string{outDir + "/", ecosystem.WorkDir + "/"}}}
	st := svc.Production(about)
	i := slices.IndexFunc(st.Steps, func(p plan.Step) bool { return p.Op == plan.OpStopSignal })
	st.Steps[i].Args = []string{"SIGQUIT"}
	st.Steps[i].Comment = "On SIGTERM nginx drops open requests; on SIGQUIT it finishes them."
	return st
}

// empty reports a site without files.
func empty(s *ecosystem.Service, dir string) {
	s.Report(diag.Error, codeNoPages, "", 0, "add "+strings.TrimPrefix(fmt.Sprintf("%s/index.html", dir), "./"), "no page to serve")
}
