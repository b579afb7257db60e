package java

import (
	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Calls for which the JDK loads libraries that Debian's links and does not bring.
var (
	drawsText   = pattern.Lazy(`\b(java\.awt\.(?:Font|Graphics2D|Graphics)|java\.awt\.\*|org\.jfree\.chart|net\.sf\.jasperreports|com\.google\.code\.kaptcha|com\.wf\.captcha|autoSizeColumn)(?:\W|$)`)
	readsImages = pattern.Lazy(`\b(javax\.imageio)\b`)
)

// system finds the Debian packages of what the program draws and reads
// (packages.debian.org/trixie/openjdk-21-jre-headless lists the libraries).
func (s *service) system() {
	const source = "https://packages.debian.org/trixie/openjdk-21-jre-headless"
	var needs []ecosystem.Need
	add := func(h ecosystem.Hit, why string, packages ...string) {
		if h.Found() && s.assembled {
			needs = append(needs, ecosystem.Need{Package: h.Text, File: h.File, Line: h.Line, System: ecosystem.System{Runtime: packages, Why: why, Source: source}})
		}
	}
	add(s.scan.text, "a font and the libraries that draw text", "fonts-dejavu-core", "libfontconfig1", "libfreetype6", "libharfbuzz0b", "liblcms2-2")
	add(s.scan.images, "the libraries that decode JPEG", "libjpeg62-turbo", "liblcms2-2")
	s.AddSystem(needs)
}
