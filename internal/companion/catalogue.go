package companion

import (
	"fmt"
	"strconv"
)

// Catalogue lists the kinds, in the order in which help shows them.
func Catalogue() []Kind {
	return []Kind{
		{
			Name: "postgres", Aliases: []string{"postgresql"}, Title: "PostgreSQL", Port: 5432, Protocol: "postgres",
			Versions: []Version{{"17", "trixie"}, {"15", "bookworm"}, {"13", "bullseye"}}, Databases: true, Seeds: []string{".sql"},
			variables: postgresVariables, recipe: postgresRecipe,
		},
		{
			Name: "mysql", Aliases: []string{"mariadb"}, Title: "MariaDB", Port: 3306, Protocol: "mysql",
			Versions: []Version{{"11.8", "trixie"}, {"10.11", "bookworm"}}, Databases: true, Seeds: []string{".sql"},
			variables: mysqlVariables, recipe: mariadbRecipe,
		},
		{
			Name: "redis", Aliases: []string{"valkey"}, Title: "Valkey", Port: 6379, Protocol: "redis",
			Versions: []Version{{"8", "trixie"}, {"7", "bookworm"}}, variables: redisVariables, recipe: valkeyRecipe,
		},
		{
			Name: "rabbitmq", Aliases: []string{"amqp"}, Title: "RabbitMQ", Port: 5672, Protocol: "amqp",
			Versions: []Version{{"4", "trixie"}, {"3", "bookworm"}}, variables: rabbitmqVariables, recipe: rabbitmqRecipe,
		},
		{
			Name: "memcached", Title: "memcached", Port: 11211, Protocol: "memcached",
			Versions: []Version{{"1.6", "trixie"}}, variables: memcachedVariables, recipe: memcachedRecipe,
		},
		{
			Name: "smtp", Aliases: []string{"mailhog"}, Title: "mail server", Port: 1025, Protocol: "smtp",
			Versions: []Version{{"1", "trixie"}}, variables: smtpVariables, recipe: mailRecipe,
		},
		{
			Name: "s3", Title: "moto (S3)", Port: 9000, Check: "/moto-api/",
			Versions: []Version{{Name: "5.2.5"}}, variables: s3Variables, recipe: motoRecipe,
		},
		{
			Name: "gcs", Title: "fake-gcs-server", Port: 4443, Check: "/_internal/healthcheck",
			Versions: []Version{{Name: "0.1.1"}}, variables: gcsVariables, recipe: fakeGCSRecipe,
		},
		{
			Name: "mongodb", Aliases: []string{"mongo", "ferretdb"}, Title: "FerretDB", Port: 27017, Protocol: "mongodb",
			Versions: []Version{{Name: "1.24.2"}}, Databases: true, variables: mongoVariables, recipe: ferretRecipe,
		},
		{
			Name: "elasticsearch", Aliases: []string{"opensearch"}, Title: "OpenSearch", Port: 9200, Check: "/_cluster/health?wait_for_status=yellow&timeout=1s",
			Versions: []Version{{Name: "2.19.6"}}, variables: searchVariables, recipe: openSearchRecipe,
		},
	}
}

// address is a URL with the account, the host and a database. None of them has
// characters that a URL escapes.
func (e Endpoint) address(scheme, database string) string {
	text := scheme + "://" + e.User + ":" + e.Password + "@" + e.hostPort()
	if database != "" {
		text += "/" + database
	}
	return text
}

func (e Endpoint) hostPort() string { return fmt.Sprintf("%s:%d", e.Host, e.Port) }

func (e Endpoint) port() string { return strconv.Itoa(e.Port) }

// postgresVariables are libpq's (PostgreSQL documentation, section 34.15), and the
// URL that most frameworks read.
func postgresVariables(e Endpoint) []Variable {
	return []Variable{
		{"DATABASE_URL", e.address("postgres", e.DB)}, {"POSTGRES_URL", e.address("postgres", e.DB)},
		{"PGHOST", e.Host}, {"PGPORT", e.port()}, {"PGUSER", e.User}, {"PGPASSWORD", e.Password}, {"PGDATABASE", e.DB}, {"PGSSLMODE", "disable"},
		{"POSTGRES_HOST", e.Host}, {"POSTGRES_PORT", e.port()}, {"POSTGRES_USER", e.User}, {"POSTGRES_PASSWORD", e.Password}, {"POSTGRES_DB", e.DB},
	}
}

func mysqlVariables(e Endpoint) []Variable {
	return []Variable{
		{"DATABASE_URL", e.address("mysql", e.DB)}, {"MYSQL_URL", e.address("mysql", e.DB)},
		{"MYSQL_HOST", e.Host}, {"MYSQL_PORT", e.port()}, {"MYSQL_TCP_PORT", e.port()}, {"MYSQL_USER", e.User}, {"MYSQL_PASSWORD", e.Password},
		{"MYSQL_PWD", e.Password}, {"MYSQL_DATABASE", e.DB},
	}
}

func redisVariables(e Endpoint) []Variable {
	return []Variable{{"REDIS_URL", "redis://" + e.hostPort()}, {"REDIS_HOST", e.Host}, {"REDIS_PORT", e.port()}}
}

func rabbitmqVariables(e Endpoint) []Variable {
	return []Variable{
		{"AMQP_URL", e.address("amqp", "")}, {"RABBITMQ_URL", e.address("amqp", "")},
		{"RABBITMQ_HOST", e.Host}, {"RABBITMQ_PORT", e.port()}, {"RABBITMQ_USER", e.User}, {"RABBITMQ_PASSWORD", e.Password},
	}
}

func memcachedVariables(e Endpoint) []Variable {
	return []Variable{{"MEMCACHED_SERVERS", e.hostPort()}, {"MEMCACHED_HOST", e.Host}, {"MEMCACHED_PORT", e.port()}}
}

func smtpVariables(e Endpoint) []Variable {
	return []Variable{
		{"SMTP_URL", "smtp://" + e.hostPort()}, {"SMTP_HOST", e.Host}, {"SMTP_PORT", e.port()}, {"MAIL_HOST", e.Host}, {"MAIL_PORT", e.port()},
		{"MAILHOG_URL", "http://" + e.Host + ":8025"},
	}
}

// s3Variables are those of AWS's SDKs and command line (AWS SDKs and Tools Reference
// Guide, "Service-specific endpoints"). The keys have the length that clients check.
func s3Variables(e Endpoint) []Variable {
	at := "http://" + e.hostPort()
	return []Variable{
		{"AWS_ENDPOINT_URL_S3", at}, {"S3_ENDPOINT", at}, {"AWS_ACCESS_KEY_ID", "companion-key-id"}, {"AWS_SECRET_ACCESS_KEY", "companion-secret-access-key"},
		{"AWS_REGION", "us-east-1"}, {"AWS_DEFAULT_REGION", "us-east-1"}, {"AWS_EC2_METADATA_DISABLED", "true"},
	}
}

func gcsVariables(e Endpoint) []Variable {
	return []Variable{{"STORAGE_EMULATOR_HOST", "http://" + e.hostPort()}, {"GOOGLE_CLOUD_PROJECT", "companion"}}
}

func mongoVariables(e Endpoint) []Variable {
	at := "mongodb://" + e.hostPort() + "/" + e.DB
	return []Variable{{"MONGODB_URI", at}, {"MONGO_URL", at}, {"MONGODB_HOST", e.Host}, {"MONGODB_PORT", e.port()}, {"MONGODB_DATABASE", e.DB}}
}

func searchVariables(e Endpoint) []Variable {
	at := "http://" + e.hostPort()
	return []Variable{{"ELASTICSEARCH_URL", at}, {"OPENSEARCH_URL", at}, {"ELASTICSEARCH_HOST", e.Host}, {"ELASTICSEARCH_PORT", e.port()}}
}
