package java

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/plan"
)

// names are those of uses, in their order.
func names(all []plan.Use) (out []string) {
	for _, u := range all {
		out = append(out, u.Name)
	}
	return out
}

// checkNeeds compares the variables and the servers that a service needs.
func checkNeeds(t *testing.T, name string, files map[string]string, reads, connects []string) {
	t.Helper()
	p, findings := planned(files, config.Service{})
	if findings.Errors() != nil {
		t.Errorf("%s: %v", name, findings)
		return
	}
	if diff := cmp.Diff(reads, names(p.Reads)); diff != "" {
		t.Errorf("%s: reads (-want +got):\n%s", name, diff)
	}
	if diff := cmp.Diff(connects, names(p.Connects)); diff != "" {
		t.Errorf("%s: connects (-want +got):\n%s", name, diff)
	}
}

// TestVariablesOfSettings: placeholders without a default are variables that the
// service needs; those that something else fills in are not.
func TestVariablesOfSettings(t *testing.T) {
	const properties = "src/main/resources/application.properties"
	for name, c := range map[string]struct {
		file, text string
		reads      []string
		connects   []string
	}{
		"inside a URL":         {properties, "spring.datasource.url=jdbc:postgresql://db:5432/${POSTGRES_DB}\nspring.datasource.password=${POSTGRES_PASSWORD:x}\n", []string{"POSTGRES_DB"}, []string{"db:5432"}},
		"several in a value":   {properties, "app.url=${SCHEME}://${API_HOST}:${API_PORT:80}/\n", []string{"API_HOST", "SCHEME"}, nil},
		"in lower case":        {properties, "app.mail=${mail.smtp-host}\n", []string{"MAIL_SMTP_HOST"}, nil},
		"another setting":      {properties, "mail.smtp-host=x\napp.mail=${mail.smtpHost}\n", nil, nil},
		"of the build":         {properties, "info.version=${project.version}\ninfo.java=${java.version}\ninfo.dir=${user.dir}\n", nil, nil},
		"of the framework":     {properties, "a=${random.uuid}\nlogging.pattern.console=%d ${LOG_LEVEL_PATTERN}\nb=${spring.application.name}\n", nil, nil},
		"nested":               {properties, "app.key=${API_KEY:${FALLBACK_KEY}}\n", []string{"FALLBACK_KEY"}, nil},
		"a host by default":    {properties, "spring.datasource.url=jdbc:mysql://${MYSQL_HOST:localhost}:3306/shop\n", nil, []string{"localhost:3306"}},
		"a host without one":   {properties, "spring.datasource.url=jdbc:mysql://${MYSQL_HOST}:3306/shop\n", []string{"MYSQL_HOST"}, nil},
		"in memory":            {properties, "spring.datasource.url=jdbc:h2:mem:shop\n", nil, nil},
		"YAML":                 {"src/main/resources/application.yml", "spring:\n  data:\n    redis:\n      host: ${REDIS_HOST:cache}\n      port: 6380\n  rabbitmq:\n    host: ${RABBIT}\n", []string{"RABBIT"}, []string{"cache:6380"}},
		"brokers":              {"src/main/resources/application.yml", "spring:\n  kafka:\n    bootstrap-servers: kafka1:29092,kafka2\n", nil, []string{"kafka1:29092"}},
		"a registry":           {properties, "eureka.client.serviceUrl.defaultZone=http://${EUREKA:registry}:8761/eureka/\nspring.cloud.config.uri=http://settings\n", nil, []string{"registry:8761", "settings:8888"}},
		"Quarkus' profiles":    {properties, "%dev.quarkus.datasource.jdbc.url=jdbc:mysql://dev/${DEV_DB}\n%prod.quarkus.datasource.jdbc.url=jdbc:mysql://shop-db/${SHOP_DB}\n", []string{"SHOP_DB"}, []string{"shop-db:3306"}},
		"the same in YAML":     {"src/main/resources/application.yml", "quarkus:\n  http:\n    port: 8081\n\"%prod\":\n  quarkus:\n    datasource:\n      jdbc:\n        url: jdbc:postgresql://pg/${PG_DB}\n\"%dev\":\n  quarkus:\n    redis:\n      hosts: redis://dev\n", []string{"PG_DB"}, []string{"pg:5432"}},
		"a profile that is on": {"src/main/resources/application-prod.properties", "spring.datasource.url=jdbc:mariadb://maria/${DB_NAME}\n", []string{"DB_NAME"}, []string{"maria:3306"}},
		"one that is not":      {"src/main/resources/application-dev.properties", "spring.datasource.url=jdbc:mariadb://maria/${DB_NAME}\n", nil, nil},
	} {
		files := spring("3.4.0", "", "")
		files[c.file] = c.text
		if c.file != properties {
			files[properties] = "spring.profiles.active=prod\n"
		}
		checkNeeds(t, name, files, c.reads, c.connects)
	}
}

// TestVariablesOfSources: what annotations and required settings ask for, and the
// servers that strings name.
func TestVariablesOfSources(t *testing.T) {
	for name, c := range map[string]struct {
		source   string
		reads    []string
		connects []string
	}{
		"a value":          {`@Value("${MAIL_HOST}") String h; @Value("${mail.port:25}") int p;`, []string{"MAIL_HOST"}, nil},
		"a job's time":     {`@Scheduled(cron = "${report.cron}") void run() {}`, []string{"REPORT_CRON"}, nil},
		"a client's URL":   {`@FeignClient(name = "x") interface A {} @FeignClient(url = "${prices.url}/v1") interface B {}`, []string{"PRICES_URL"}, nil},
		"Quarkus":          {"@ConfigProperty(name = \"greeting.message\")\n String message;\n @ConfigProperty(name = \"greeting.suffix\", defaultValue=\"!\") String s; @ConfigProperty(name = \"greeting.name\") Optional<String> n;", []string{"GREETING_MESSAGE"}, nil},
		"required":         {`env.getRequiredProperty("shop.key"); env.getProperty("shop.other");`, []string{"SHOP_KEY"}, nil},
		"a message is not": {`@Size(min = 1, message = "not ${validatedValue}") String s;`, nil, nil},
		"a template isn't": {`String s = "${NAME} is here";`, nil, nil},
		"that a file has":  {`@Value("${shop.title}") String t;`, nil, nil},
		"a driver's URL":   {`DriverManager.getConnection("jdbc:mysql://db/example?useSSL=false", "root", p);`, nil, []string{"db:3306"}},
		"a client":         {`MongoClients.create("mongodb://mongo:27018"); new Jedis("redis://cache/0");`, nil, []string{"cache:6379", "mongo:27018"}},
		"no server":        {`log("see jdbc:mysql://db/x"); DriverManager.getConnection("jdbc:sqlite:a.db");`, nil, nil},
	} {
		files := spring("3.4.0", "", "")
		files["src/main/resources/application.properties"] = "shop.title=x\n"
		files["src/main/java/Main.java"] = "class Main {\n  public static void main(String[] args) {}\n  void more() {\n    " + c.source + "\n  }\n}\n"
		checkNeeds(t, name, files, c.reads, c.connects)
	}
}
