module example.com/ids

go 1.25.0

require example.com/tickets v1.0.0
