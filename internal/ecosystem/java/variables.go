package java

import (
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// Where a source asks for a setting.
var (
	// injected is a string with placeholders in an annotation whose values the
	// framework fills in.
	injected = ecosystem.NewSign(`@(?:Value|Scheduled|Property|KafkaListener|RabbitListener|JmsListener|SqsListener|FeignClient|Client|HttpExchange|(?:Request|Get|Post|Put|Delete|Patch)Mapping)\((?:[^"()\n]*=\s*)?"([^"\n]*\$\{[^"\n]*)"`)
	// required is the name of a setting that must exist.
	required = ecosystem.NewSign(`@ConfigProperty\(\s*name\s*=\s*"([\w.-]+)"\s*\)(?:\s*@\w+)*\s+(?:(?:private|protected|public|final|static|lateinit|var|val|\w+\s*:)\s+)*(?:int|long|boolean|double|String|Integer|Long|Boolean|Double|Duration|URI|URL)\b|\.getRequiredProperty\(\s*"([\w.-]+)"`)
	// unfilled is a placeholder without a default.
	unfilled = pattern.Lazy(`\$\{([A-Za-z_][\w.-]*)\}`)
)

// asksForSettings notes the variables that a source's placeholders need.
func (s *service) asksForSettings(name string, data []byte) {
	ecosystem.EachMatch(injected, data, func(text string, line int) { s.needs(text, name, line) })
	ecosystem.EachMatch(required, data, func(setting string, line int) { s.needs("${"+setting+"}", name, line) })
}

// needs notes the variables without which a value of a setting cannot be made.
func (s *service) needs(text, file string, line int) {
	for _, m := range unfilled().FindAllStringSubmatch(text, -1) {
		if name := m[1]; !s.filled(name) {
			s.Reads(variableOf(name), file, line)
		}
	}
}

// filled reports a placeholder that has a value without a variable of the
// environment: another setting, one of the build, of the JVM or of the framework.
func (s *service) filled(name string) bool {
	if slices.ContainsFunc([]string{"java.", "user.", "os.", "file.", "line.", "path.", "random.", "project.", "pom.", "maven.", "build.", "git.", "local.", "spring.", "quarkus.", "micronaut.", "management.", "server.", "logging.", "LOG_", "CONSOLE_LOG_", "FILE_LOG_", "LOGGED_"},
		func(prefix string) bool { return strings.HasPrefix(name, prefix) }) || name == "PID" {
		return true
	}
	for key := range s.settings {
		if relaxed(key) == relaxed(name) {
			return true
		}
	}
	if s.maven == nil {
		return false
	}
	_, at := s.property(name) // Maven fills it in when it copies resources
	return at != nil
}

// relaxed is a setting's name as Spring compares it
// (https://docs.spring.io/spring-boot/reference/features/external-config.html, "Relaxed Binding").
func relaxed(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

// variableOf is the variable of the environment that fills in a placeholder.
func variableOf(name string) string {
	if !strings.ContainsAny(name, ".-") && strings.ToUpper(name) == name {
		return name
	}
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(name))
}

// settingsNeed notes the variables and servers that the settings need.
func (s *service) settingsNeed() {
	for _, key := range sortedKeys(s.settings) {
		h := s.settings[key]
		if strings.HasPrefix(key, "logging.") {
			continue
		}
		s.needs(h.Text, h.File, h.Line)
		s.Connects(s.server(key, withDefaults(h.Text)), h.File, h.Line)
	}
}

// defaulted is a placeholder with a plain default.
var defaulted = pattern.Lazy(`\$\{[\w.-]+:([^{}]*)\}`)

// withDefaults puts in the defaults of placeholders.
func withDefaults(text string) string {
	for range 4 { // they nest
		if !defaulted().MatchString(text) {
			break
		}
		text = defaulted().ReplaceAllString(text, "$1")
	}
	return text
}

// server is the address that a setting names, "" without one: a URL, or a host
// whose port is in the setting beside it.
func (s *service) server(key, text string) string {
	if a := ecosystem.ServerAddress(text); a != "" {
		return a
	}
	for _, known := range []struct{ host, port, usual string }{
		{"spring.data.redis.host", "spring.data.redis.port", "6379"},
		{"spring.redis.host", "spring.redis.port", "6379"},
		{"spring.rabbitmq.host", "spring.rabbitmq.port", "5672"},
		{"spring.rabbitmq.addresses", "", "5672"},
		{"spring.data.mongodb.host", "spring.data.mongodb.port", "27017"},
		{"spring.mongodb.host", "spring.mongodb.port", "27017"},
		{"spring.kafka.bootstrap-servers", "", "9092"},
		{"spring.mail.host", "spring.mail.port", "25"},
		{"kafka.bootstrap.servers", "", "9092"},
		{"quarkus.redis.hosts", "", "6379"},
		{"eureka.client.service-url.defaultZone", "", "8761"},
		{"spring.cloud.config.uri", "", "8888"},
		{"spring.elasticsearch.uris", "", "9200"},
	} {
		if relaxed(key) != relaxed(known.host) || text == "" {
			continue
		}
		if _, after, ok := strings.Cut(text, "://"); ok {
			text, _, _ = strings.Cut(after, "/")
		}
		first, _, _ := strings.Cut(text, ",")
		if host, port, ok := strings.Cut(strings.TrimSpace(first), ":"); ok {
			return host + ":" + port
		}
		if port := s.settings.get(known.port).Text; port != "" {
			return first + ":" + port
		}
		return first + ":" + known.usual
	}
	return ""
}

// literalURL is a string that begins with the URL of a server.
var literalURL = ecosystem.NewSign(`"((?:(?:jdbc:|r2dbc:)[\w:]+|mongodb|rediss?|amqps?|nats|postgres(?:ql)?|mysql):[^"\n]+)"`)

// connectsTo notes the servers that a source names.
func (s *service) connectsTo(name string, data []byte) {
	ecosystem.EachMatch(literalURL, data, func(text string, line int) {
		s.Connects(ecosystem.ServerAddress(withDefaults(text)), name, line)
	})
}
