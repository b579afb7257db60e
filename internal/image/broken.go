package image

import (
	"context"
	"errors"
	"io/fs"

	"github.com/slipway-build/slipway/internal/diag"
)

// Unreadable explains why an image of the store cannot be read: a part of it is missing,
// or is not what it should be. What explains itself stays as it is.
func Unreadable(name string, err error) error {
	switch {
	case err == nil, errors.Is(err, ErrNotFound), errors.As(err, new(*diag.Failure)), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return diag.Fail(diag.ExitUnexpected, "the image %s is not complete: a part of it is missing from the local store", name).Because(err).
			WithHint("build it again: slipway build")
	}
	return diag.Fail(diag.ExitUnexpected, "the image %s cannot be read", name).Because(err).
		WithHint("build it again: slipway build --force; an image of others may be broken at its origin")
}
