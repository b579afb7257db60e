package java

import (
	"strings"
	"testing"

	"github.com/slipway-build/slipway/internal/config"
)

// TestDrawingPackages: a program that draws text or reads pictures gets the libraries
// that the JDK loads for it.
func TestDrawingPackages(t *testing.T) {
	const text, images = "fonts-dejavu-core libfontconfig1 libfreetype6 libharfbuzz0b liblcms2-2", "libjpeg62-turbo liblcms2-2"
	for source, want := range map[string]string{
		"import java.awt.Font;":                      text,
		"import java.awt.Graphics2D;":                text,
		"import java.awt.*;":                         text,
		"import org.jfree.chart.ChartFactory;":       text,
		"import com.wf.captcha.SpecCaptcha;":         text,
		"sheet.autoSizeColumn(0);":                   text,
		"import javax.imageio.ImageIO;":              images,
		"import java.awt.Color;":                     "",
		"import java.awt.image.BufferedImage;":       "",
		"import java.beans.PropertyChangeListener;":  "",
		"import com.google.gson.FontJavaAwtFontish;": "",
		"// import java.awt.Desktop;":                "",
	} {
		files := one("")
		files["src/main/java/Drawing.java"] = source + "\n"
		p, findings := planned(files, config.Service{Name: "one", Path: "."})
		if findings.Errors() != nil {
			t.Errorf("%s: %v", source, findings)
			continue
		}
		from := "slipway/jvm:trixie"
		if want != "" {
			from = "slipway/jvm/" + strings.ReplaceAll(want, " ", "/") + ":trixie"
		}
		if got := p.Stages[len(p.Stages)-1].From; got != from {
			t.Errorf("%s: runs on %s, want %s", source, got, from)
		}
	}
}
