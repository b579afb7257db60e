// The writer of docs/THIRD_PARTY.md. It is a module of its own so that what it needs
// is never linked into slipway.
module github.com/slipway-build/slipway/scripts/licences

go 1.26.8

toolchain go1.26.10

require github.com/google/licensecheck v0.3.1
