package layer

import (
	"cmp"
	"strings"
)

// withoutRecord are the groups of well-known projects whose jars carry no record of
// Maven, because Gradle or Ant built them, and whose manifests do not tell the group.
// A name that ends in "-" stands for all artifacts that begin with it; of several that
// fit, the longest counts.
func withoutRecord() map[string]string {
	const spring = "org.springframework"
	return map[string]string{
		"ant": "org.apache.ant", "ant-": "org.apache.ant",
		"elasticsearch": "org.elasticsearch", "elasticsearch-core": "org.elasticsearch", "elasticsearch-x-content": "org.elasticsearch",
		"elasticsearch-rest-client": "org.elasticsearch.client", "elasticsearch-rest-high-level-client": "org.elasticsearch.client",
		"grpc-":  "io.grpc",
		"groovy": "org.codehaus.groovy", "groovy-": "org.codehaus.groovy",
		"h2":            "com.h2database",
		"kafka-clients": "org.apache.kafka", "kafka-streams": "org.apache.kafka",
		"kotlin-reflect": "org.jetbrains.kotlin", "kotlin-stdlib": "org.jetbrains.kotlin", "kotlin-stdlib-": "org.jetbrains.kotlin",
		"kotlinx-coroutines-": "org.jetbrains.kotlinx", "kotlinx-serialization-": "org.jetbrains.kotlinx",
		"lucene-":              "org.apache.lucene",
		"micrometer-":          "io.micrometer",
		"mysql-connector-java": "mysql", "mysql-connector-j": "com.mysql",
		"okhttp": "com.squareup.okhttp3", "okio": "com.squareup.okio", "okio-jvm": "com.squareup.okio",
		"reactor-core": "io.projectreactor", "retrofit": "com.squareup.retrofit2",
		"spring-aop": spring, "spring-aspects": spring, "spring-beans": spring, "spring-context": spring,
		"spring-context-support": spring, "spring-core": spring, "spring-expression": spring, "spring-instrument": spring,
		"spring-jcl": spring, "spring-jdbc": spring, "spring-jms": spring, "spring-messaging": spring, "spring-orm": spring,
		"spring-oxm": spring, "spring-r2dbc": spring, "spring-test": spring, "spring-tx": spring, "spring-web": spring,
		"spring-webflux": spring, "spring-webmvc": spring, "spring-websocket": spring,
		"spring-amqp": spring + ".amqp", "spring-rabbit": spring + ".amqp", "spring-batch-": spring + ".batch",
		"spring-cloud-": spring + ".cloud", "spring-data-": spring + ".data",
		"spring-boot": spring + ".boot", "spring-boot-": spring + ".boot", "spring-graphql": spring + ".graphql",
		"spring-integration-": spring + ".integration", "spring-kafka": spring + ".kafka", "spring-ldap-core": spring + ".ldap",
		"spring-security-": spring + ".security", "spring-security-kerberos-": spring + ".security.kerberos",
		"spring-security-oauth": spring + ".security.oauth", "spring-security-oauth2": spring + ".security.oauth",
		"spring-security-oauth2-autoconfigure": spring + ".security.oauth.boot", "spring-session-": spring + ".session",
		"tomcat-": "org.apache.tomcat", "tomcat-embed-": "org.apache.tomcat.embed",
	}
}

// groupOf is the group of an artifact without a record of Maven: the known one, else a
// guess from the names that the manifest has.
func groupOf(head map[string]string, artifact, version string) string {
	symbolic, _, _ := strings.Cut(cmp.Or(head["bundle-symbolicname"], head["automatic-module-name"]), ";")
	if g := cmp.Or(known(artifact, version), head["implementation-vendor-id"]); g != "" {
		return g
	}
	symbolic = strings.TrimSpace(symbolic)
	if g, ok := strings.CutSuffix(symbolic, "."+artifact); ok {
		return g
	}
	if at := strings.LastIndexByte(symbolic, '.'); at > 0 {
		return symbolic[:at]
	}
	return symbolic
}

// known is the group in withoutRecord, "" for none.
func known(artifact, version string) string {
	groups := withoutRecord()
	group := groups[artifact]
	for end := len(artifact); group == "" && end > 0; {
		end = strings.LastIndexByte(artifact[:end], '-')
		group = groups[artifact[:end+1]]
	}
	major, _, _ := strings.Cut(version, ".")
	if group == "org.codehaus.groovy" && (len(major) > 1 || major >= "4") { // it moved
		group = "org.apache.groovy"
	}
	return group
}
