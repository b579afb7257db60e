// Package report turns events and figures into text: the live view of a
// terminal, plain lines for everything else, the logs of failed steps, and the
// statistics of a fleet as text and JSON. It measures nothing, reads no clock
// and no environment: times, sizes and the terminal's measures are inputs.
//
//	sink := report.NewPlain(os.Stderr, time.Now)
//	defer sink.Close()
package report
