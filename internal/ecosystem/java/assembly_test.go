package java

import (
	"testing"

	"github.com/slipway-build/slipway/internal/config"
)

// TestAssembliesThatNobodyRuns: without an execution, `mvn package` makes no jar of
// the maven-assembly-plugin, whatever its configuration says.
func TestAssembliesThatNobodyRuns(t *testing.T) {
	assembly := func(more string) map[string]string {
		return one("<build><plugins><plugin><artifactId>maven-assembly-plugin</artifactId><configuration><archive><manifest><mainClass>Main</mainClass></manifest></archive>" +
			"<descriptorRefs><descriptorRef>jar-with-dependencies</descriptorRef></descriptorRefs></configuration>" + more + "</plugin></plugins></build>")
	}
	for name, c := range map[string]struct{ executions, start string }{
		"called by name":    {"", "java -cp app.jar:lib/* Main"},
		"with an execution": {"<executions><execution><phase>package</phase><goals><goal>single</goal></goals></execution></executions>", "java -jar app.jar"},
	} {
		p, findings := planned(assembly(c.executions), config.Service{})
		if err := findings.Errors(); err != nil || startOf(p) != c.start {
			t.Errorf("%s: starts %q, %v", name, startOf(p), err)
		}
	}
}
