package spec

import (
	"maps"
	"slices"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/pattern"
	"github.com/slipway-build/slipway/internal/plan"
)

// extended returns a base with further Debian packages and what they depend on.
func extended(ref, base string, packages []string) (Base, error) {
	for _, p := range packages {
		if !plan.IsPackage(p) {
			return Base{}, diag.Fail(diag.ExitUsage, "the base %q names %q, which cannot be a Debian package", ref, p)
		}
	}
	spec, err := Of(base)
	if err != nil {
		return Base{}, err
	}
	if spec.Role == plan.RoleProbe {
		return Base{}, diag.Fail(diag.ExitUsage, "unknown base %q: the probe takes no packages", ref)
	}
	spec.Ref, spec.More = ref, packages
	if spec.Role == plan.RoleRuntime {
		spec.Drop = nil // its packages may link what nothing else does, such as libm
	}
	maps.DeleteFunc(spec.Parts, func(p string, _ []string) bool { return slices.Contains(packages, p) }) // who names it wants it whole
	left := append(slices.Clone(spec.Without), unneeded()...)
	if !slices.ContainsFunc(packages, drawing().MatchString) {
		left = append(left, drivers()...)
	}
	spec.Without = slices.DeleteFunc(left, func(p string) bool {
		return slices.ContainsFunc(packages, func(named string) bool { return slices.Contains(Whole(named), p) })
	})
	return spec, nil
}

// unneeded are packages that libraries and programs depend on for maintainer
// scripts, or for a desktop that no container has.
func unneeded() []string {
	return append(scriptsOnly(), "dpkg", "perl", "perl:any", "perl-base", "ucf", "adduser", "default-dbus-session-bus", "dbus-session-bus", "xdg-utils", "install-info")
}

// drivers are Mesa's for graphics cards, 196 MB with LLVM. Libraries of OpenGL and video
// load them when a program draws; they and all that links them work without.
func drivers() []string {
	return []string{
		"libegl-mesa0", "libgl1-mesa-dri", "libglx-mesa0", "mesa-libgallium", "mesa-va-drivers", "mesa-vdpau-drivers", "mesa-vulkan-drivers",
		"va-driver-all", "vdpau-driver-all",
	}
}

// drawing are packages that who names them wants to draw with. Libraries of GLX are not
// among them: they draw on the screen of an X server, which a container has with one of
// these only.
var drawing = pattern.Lazy(`^(lib)?(egl|gles|osmesa|glfw|glut|vulkan)[0-9-]|^(freeglut|mesa-|xvfb|xserver-)|-mesa[0-9]|-mesa-dri`)

// CalledByPath are packages of which Slipway's tables call a compiled program by its
// path: the scripts beside it need no shell.
func CalledByPath() []string { return []string{"chromium-headless-shell"} }

// Whole are the packages without which one does not work that bases leave out.
func Whole(name string) []string {
	switch name {
	case "perl":
		return []string{"perl", "perl:any", "perl-base"}
	case "python3":
		return []string{"python3", "python3-minimal"}
	}
	return []string{name}
}
