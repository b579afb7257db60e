package fleet

import (
	"slices"

	"github.com/slipway-build/slipway/internal/companion"
	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// Needs are the servers that a service needs beside it. Services of the fleet among
// them have the port that slipway.yaml gives them.
func (f *Fleet) Needs(s config.Service) []companion.Need { return f.withPorts(s.Needs) }

// stageNeeds are the servers beside the quality stages of a service: those that the
// stage writes, else those of the service beside the stages that test a whole.
func (f *Fleet) stageNeeds(s config.Service) map[string][]companion.Need {
	out := map[string][]companion.Need{}
	for _, stage := range plan.QualityStages() {
		needs := s.Quality[stage].Needs
		if len(needs) == 0 && (stage == plan.StageIntegration || stage == plan.StageE2E) {
			needs = s.Needs
		}
		if len(needs) > 0 {
			out[stage] = f.withPorts(needs)
		}
	}
	return out
}

func (f *Fleet) withPorts(needs []companion.Need) []companion.Need {
	out := slices.Clone(needs)
	for i, n := range out {
		if n.Service == "" {
			continue
		}
		if other, ok := f.Fleet.Named(n.Service); ok {
			out[i].Port = other.Port
		}
	}
	return out
}

// WithNeeded adds to services of the fleet those that they need, and what these need.
func (f *Fleet) WithNeeded(chosen []string) []string {
	out := slices.Clone(chosen)
	for i := 0; i < len(out); i++ {
		s, _ := f.Fleet.Named(out[i])
		for _, n := range s.Needs {
			if n.Service != "" && !slices.Contains(out, n.Service) {
				out = append(out, n.Service)
			}
		}
	}
	return out
}

// Aliases are the further names by which services of the fleet are needed.
func Aliases(services []config.Service, of string) []string {
	var out []string
	for _, s := range services {
		for _, n := range s.Needs {
			if n.Service == of && n.Name != of && !slices.Contains(out, n.Name) {
				out = append(out, n.Name)
			}
		}
	}
	return out
}
