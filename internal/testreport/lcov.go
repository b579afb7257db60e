package testreport

import "strings"

// readLCOV reads a tracefile of geninfo(1), as c8, Istanbul, coverage.py and
// cargo-llvm-cov write it.
func readLCOV(in *intake) error {
	var f *File
	last := 0
	for n, line := range lines(in.content) {
		last = n
		key, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case !ok && key == "end_of_record":
			f = nil
		case key == "SF":
			f = in.cover(value)
		case f == nil:
		case key == "DA":
			fields := strings.SplitN(value, ",", 3)
			if len(fields) < 2 {
				return fault(n, "DA has a line number and no count")
			}
			if err := in.line(f, number(fields[0]), int(decimal(fields[1]))); err != nil {
				return err
			}
		case key == "BRDA":
			f.Branches++
			if taken := value[strings.LastIndexByte(value, ',')+1:]; taken != "-" && taken != "0" {
				f.BranchesTaken++
			}
		}
	}
	if f != nil {
		return fault(last, "end_of_record is missing: the file ends in the middle")
	}
	return nil
}
