package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// compareHead compares the end of the log with the copy of its last record.
func (v *verification) compareHead(f Files) {
	last := v.lastSeq()
	if len(v.torn) > 0 {
		v.add(Problem{Record: last + 1, Line: bytes.Count(f.log, []byte("\n")) + 1, Kind: Cut, Text: "the log ends within this record" + v.repairable(last, f)})
	}
	switch {
	case v.head == nil && !f.alone && last > 0:
		v.add(Problem{Record: last, Kind: Changed, Text: headFile + ", the copy of the last record, is gone"})
	case v.head == nil:
	case v.head.err != nil:
		v.add(Problem{Record: last, Kind: Changed, Text: headFile + ", the copy of the last record, is damaged"})
	case v.head.seq < last:
		if at, ok := v.numbered(v.head.seq + 1); ok {
			v.add(Problem{Record: at.seq, Last: last, Line: at.at, Kind: Inserted, Text: fmt.Sprintf("the last record is %d, by its copy in %s", v.head.seq, headFile)})
		}
	case v.head.seq > last:
		v.missingEnd(last, v.head.seq, "its copy in "+headFile+v.repairable(last, f))
	}
	if v.head == nil || v.head.err != nil {
		return
	}
	if same, ok := v.numbered(v.head.seq); ok && same.hash != v.head.hash && !v.blamed[same.seq] {
		v.add(Problem{Record: same.seq, Line: same.at, Kind: Changed, Text: "it differs from its copy in " + headFile})
	}
}

// missingEnd reports that the log once had more records, unless that is reported.
func (v *verification) missingEnd(last, want uint64, by string) {
	from := last + 1
	for from <= want && v.blamed[from] {
		from++
	}
	if from <= want {
		v.add(Problem{Record: from, Last: want, Kind: Missing, Text: fmt.Sprintf("the log ends before it, and there was a record %d: %s", want, by)})
	}
}

// repairable says so of an end that a crash may have left.
func (v *verification) repairable(last uint64, f Files) string {
	if before, ok := v.numbered(last); v.head != nil && v.head.err == nil && v.head.seq == last+1 && (ok && before.hash == v.head.rec.Prev || last == 0) && bytes.HasPrefix(f.head, v.torn) {
		return "; a crash may have done that, and the next record completes it"
	}
	return ""
}

// compareCheckpoints compares the checkpoints in the log with their copies.
func (v *verification) compareCheckpoints() {
	copied := map[uint64]bool{}
	before := uint64(0)
	for _, c := range v.copies {
		place := fmt.Sprintf("%s, line %d: ", checkpointsFile, c.at)
		if c.err != nil || c.rec.Action != CheckpointMade {
			v.add(Problem{Record: before + 1, Kind: BadCopy, Text: place + "it is no checkpoint"})
			continue
		}
		if c.seq <= before {
			v.add(Problem{Record: c.seq, Kind: BadCopy, Text: place + "the copies are out of order"})
		}
		before, copied[c.seq] = max(before, c.seq), true
		same, ok := v.numbered(c.seq)
		switch {
		case v.blamed[c.seq]:
		case ok && same.hash != c.hash:
			v.add(Problem{Record: c.seq, Line: same.at, Kind: Changed, Text: "it differs from its copy in " + checkpointsFile})
		case !ok:
			v.missingEnd(v.lastSeq(), c.seq, place+"its checkpoint")
		}
	}
	for _, l := range v.lines {
		if l.err == nil && l.rec.Action == CheckpointMade && !copied[l.seq] && !v.blamed[l.seq] && !v.alone {
			v.add(Problem{Record: l.seq, Line: l.at, Kind: BadCopy, Text: checkpointsFile + " does not have this checkpoint"})
		}
	}
}

// checkSignatures checks those of the checkpoints.
func (v *verification) checkSignatures() {
	for _, l := range v.lines {
		if l.err != nil || l.rec.Action != CheckpointMade || v.blamed[l.seq] {
			continue
		}
		v.found.Checkpoints++
		if v.unknown() {
			continue
		}
		switch s := l.rec.Signature; {
		case s == nil:
			v.add(Problem{Record: l.seq, Line: l.at, Kind: BadSign, Text: "the checkpoint is not signed"})
		case !signedBy(l.rec, v.trust.Keys):
			v.add(Problem{Record: l.seq, Line: l.at, Kind: BadSign, Text: fmt.Sprintf("no trusted key signed the checkpoint; it names the key %.12s", s.KeyID)})
		default:
			v.found.SignedThrough = max(v.found.SignedThrough, l.seq)
			if !slices.Contains(v.found.Keys, s.KeyID) {
				v.found.Keys = append(v.found.Keys, s.KeyID)
			}
		}
	}
}

// unknown reports a copy of a log that came without keys: whether its signatures are good
// cannot be known.
func (v *verification) unknown() bool { return v.alone && len(v.trust.Keys) == 0 }

// compareKept compares the log with what somebody kept elsewhere.
func (v *verification) compareKept() {
	good := uint64(0)
	kept := slices.Clone(v.trust.Kept)
	slices.SortFunc(kept, func(a, b Point) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, k := range kept {
		l, ok := v.numbered(k.Seq)
		switch {
		case ok && l.hash == k.Hash:
			good = k.Seq
		case ok && !v.blamed[k.Seq]:
			v.add(Problem{Record: good + 1, Last: k.Seq, Kind: Rewritten, Text: fmt.Sprintf("record %d is another one than the head that was kept: the log was written anew, or the head is of another log", k.Seq)})
		case !ok:
			v.missingEnd(v.lastSeq(), k.Seq, "the head that was kept")
		}
	}
}

// Lines are the problems as text, the first of many.
func (r Report) Lines() (out []string) {
	const most = 50
	for i, p := range r.Problems {
		if i == most {
			return append(out, fmt.Sprintf("and %d more", len(r.Problems)-most))
		}
		out = append(out, p.String())
	}
	return out
}

// report is what was found, in order.
func (v *verification) report(f Files) Report {
	r := v.found
	slices.SortStableFunc(r.Problems, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Record, b.Record), cmp.Compare(a.Line, b.Line)) })
	r.Problems, r.Notes, r.Keys = append([]Problem{}, r.Problems...), []string{}, append([]string{}, r.Keys...)
	r.Records = len(v.lines)
	before := line{}
	for _, l := range v.lines {
		if l.err != nil {
			continue
		}
		if r.From.IsZero() {
			r.From = l.rec.At
		}
		r.To, r.Head = l.rec.At, Point{l.seq, l.hash}
		if l.rec.At.Before(before.rec.At) {
			r.Notes = append(r.Notes, fmt.Sprintf("the clock went back by %s before record %d", before.rec.At.Sub(l.rec.At), l.seq))
		}
		switch l.rec.Action {
		case LogRenewed:
			r.Notes = append(r.Notes, fmt.Sprintf("record %d: the log was started anew (%s); the older one is in %s", l.seq, l.rec.Details["reason"], l.rec.Details["moved_to"]))
		case LogRecovered:
			r.Notes = append(r.Notes, fmt.Sprintf("record %d: a crash left record %s half written; it was completed", l.seq, l.rec.Details["record"]))
		}
		before = l
	}
	switch {
	case v.unknown() && r.Checkpoints > 0:
		r.Notes = append(r.Notes, "no signature was checked: there is no public key beside the log, and --key gives none")
	case len(v.lines) > 0 && r.SignedThrough == 0:
		r.Notes = append(r.Notes, "no checkpoint is signed by a trusted key")
	}
	if f.alone && len(v.lines) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s and %s are not beside the log: a change of the last record, or an end that is missing, is not found without --head", headFile, checkpointsFile))
	}
	return r
}
