package inventory_test

import (
	"testing"

	"github.com/slipway-build/slipway/internal/inventory"
)

// Gradle and Ant leave no record of Maven in a jar. The manifests are as published.
func TestJarsWithoutARecordHaveTheirGroup(t *testing.T) {
	for name, c := range map[string]struct{ manifest, want string }{
		"tomcat-embed-core-9.0.70.jar":             {"Bundle-SymbolicName: org.apache.tomcat-embed-core\nBundle-Version: 9.0.70\n", "org.apache.tomcat.embed:tomcat-embed-core 9.0.70"},
		"tomcat-embed-core-9.0.0.M3.jar":           {"Implementation-Title: Apache Tomcat\nImplementation-Version: 9.0.0.M3\n", "org.apache.tomcat.embed:tomcat-embed-core 9.0.0.M3"},
		"tomcat-coyote-9.0.70.jar":                 {"Implementation-Title: Apache Tomcat\nImplementation-Version: 9.0.70\n", "org.apache.tomcat:tomcat-coyote 9.0.70"},
		"spring-web-5.3.10.jar":                    {"Automatic-Module-Name: spring.web\nImplementation-Version: 5.3.10\n", "org.springframework:spring-web 5.3.10"},
		"spring-boot-starter-web-2.5.5.jar":        {"Automatic-Module-Name: spring.boot.starter.web\n", "org.springframework.boot:spring-boot-starter-web 2.5.5"},
		"spring-security-oauth2-client-5.5.2.jar":  {"Automatic-Module-Name: spring.security.oauth2.client\n", "org.springframework.security:spring-security-oauth2-client 5.5.2"},
		"spring-security-oauth2-2.5.1.RELEASE.jar": {"", "org.springframework.security.oauth:spring-security-oauth2 2.5.1.RELEASE"},
		"kafka-clients-3.3.0.jar":                  {"", "org.apache.kafka:kafka-clients 3.3.0"},
		"groovy-json-3.0.5.jar":                    {"Bundle-SymbolicName: groovy-json\n", "org.codehaus.groovy:groovy-json 3.0.5"},
		"groovy-4.0.2.jar":                         {"Bundle-SymbolicName: groovy\n", "org.apache.groovy:groovy 4.0.2"},
		"hibernate-core-5.4.20.Final.jar":          {"Bundle-SymbolicName: org.hibernate.orm.core\nImplementation-Vendor-Id: org.hibernate\n", "org.hibernate:hibernate-core 5.4.20.Final"},
		"spring-petclinic-2.0.jar":                 {"", "spring-petclinic 2.0"}, // somebody's own
		"tomcatlike-1.0.jar":                       {"Bundle-SymbolicName: org.example.tomcatlike\n", "org.example:tomcatlike 1.0"},
	} {
		list := inventory.Of([]inventory.Layer{{Digest: "sha256:a", Index: indexed(t, map[string]string{"opt/" + name: jar(t, map[string]string{"META-INF/MANIFEST.MF": c.manifest})})}}, nil)
		if len(list.Packages) != 1 {
			t.Errorf("%s: %v", name, list.Packages)
			continue
		}
		if got := list.Packages[0].Name + " " + list.Packages[0].Version; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
