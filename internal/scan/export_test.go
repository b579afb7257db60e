package scan

// ReadOutput reads what another scanner printed.
func ReadOutput(data []byte) (r Result, err error) {
	err = r.read(data)
	return r, err
}
