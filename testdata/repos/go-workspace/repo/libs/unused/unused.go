// Package unused is in the workspace, but no service imports it.
package unused
