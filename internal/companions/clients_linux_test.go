package companions

import (
	"os"
	"strings"

	"github.com/slipway-build/slipway/internal/companion"
)

// client asks one kind of companion with its ecosystem's own client. Its step must
// find fresh data, and leaves some.
type client struct {
	need       companion.Need
	bases      []string
	dockerfile string // with the stage integration-tests
	want       string // words of what the step prints
	large      bool   // SLIPWAY_E2E_COMPANIONS=all runs it
}

// clients lists those to run.
func clients() []client {
	if os.Getenv("SLIPWAY_E2E_COMPANIONS") == "all" {
		return allClients()
	}
	var out []client
	for _, c := range allClients() {
		if !c.large {
			out = append(out, c)
		}
	}
	return out
}

// allClients have one of each version in the catalogue. Other versions than the default one
// are large: they come from other Debian releases.
func allClients() []client { return append(ownClients(), pythonClients()...) }

// ownClients use the programs that lie beside the server in its packages.
func ownClients() []client {
	own := func(n companion.Need, base, script, want string) client {
		return client{need: n, bases: []string{base}, want: want, dockerfile: "FROM " + base + " AS client\nFROM client AS integration-tests\nRUN " + script + "\n"}
	}
	postgres := func(version, suite string) client {
		return own(companion.Need{Name: "db", Kind: "postgres", Version: version, Database: "orders", Seed: []string{"db/schema.sql"}}, "slipway/companion/postgresql-"+version+":"+suite,
			`psql -At -c "INSERT INTO items (name) VALUES ('pen') RETURNING id" && psql -At -c "SELECT 'rows=' || count(*) FROM items" && psql "$DATABASE_URL" -At -c "SELECT 'of ' || current_database()" && psql -h db -At -c "SELECT 'version=' || split_part(version(), ' ', 2)"`,
			"rows=2 of orders version="+version)
	}
	redis := func(version, suite, program string) client {
		return own(companion.Need{Name: "cache", Kind: "redis", Version: version}, "slipway/companion/"+program+"-server:"+suite,
			program+`-cli -u "$REDIS_URL" INCR visits && echo "of $(`+program+`-cli -h cache DBSIZE)"`, "1 of 1")
	}
	mysql := func(version, suite string) client {
		return own(companion.Need{Name: "legacy", Kind: "mysql", Version: version, Database: "shop", Seed: []string{"db/legacy.sql"}}, "slipway/companion/mariadb-server:"+suite,
			`mariadb --host="$MYSQL_HOST" --user="$MYSQL_USER" --skip-ssl -N -e "INSERT INTO parts VALUES (2, 'nut'); SELECT CONCAT('rows=', COUNT(*)) FROM parts; SELECT DATABASE(); SELECT CONCAT('version=', VERSION())" "$MYSQL_DATABASE"`,
			"rows=2 shop version="+version)
	}
	older := func(c client) client {
		c.large = true
		return c
	}
	return []client{
		postgres("17", "trixie"), older(postgres("15", "bookworm")), older(postgres("13", "bullseye")),
		redis("8", "trixie", "valkey"), older(redis("7", "bookworm", "redis")),
		mysql("11.8", "trixie"), older(mysql("10.11", "bookworm")),
	}
}

// pythonClients use the libraries that Python programs use.
func pythonClients() []client {
	const base = "slipway/python:3.13-trixie-toolchain"
	python := func(n companion.Need, library, want string, program ...string) client {
		install := ""
		if library != "" {
			install = "RUN pip install --no-cache-dir --break-system-packages " + library + "\n"
		}
		return client{need: n, bases: []string{base}, want: want, large: true, dockerfile: "FROM " + base + " AS client\n" + install +
			"FROM client AS integration-tests\nRUN python3 - <<'PROGRAM'\nimport os\n" + strings.Join(program, "\n") + "\nPROGRAM\n"}
	}
	rabbitmq := func(version string) client {
		return python(companion.Need{Name: "queue", Kind: "rabbitmq", Version: version}, "pika", "waiting=0 got=b'hello' version="+version,
			"import pika", "connection = pika.BlockingConnection(pika.URLParameters(os.environ['AMQP_URL']))", "ch = connection.channel()",
			"waiting = ch.queue_declare('jobs', durable=True).method.message_count", "ch.basic_publish('', 'jobs', b'hello'); _, _, body = ch.basic_get('jobs'); ch.basic_publish('', 'jobs', b'left')",
			"print(f\"waiting={waiting} got={body} version={connection._impl.server_properties['version']}\")")
	}
	return []client{
		rabbitmq("4"), rabbitmq("3"),
		python(companion.Need{Name: "hot", Kind: "memcached"}, "pymemcache", "before=None after=b'1'",
			"from pymemcache.client.base import Client", "c = Client(os.environ['MEMCACHED_SERVERS'])",
			"before = c.get('a'); c.set('a', '1'); print(f'before={before} after={c.get(\"a\")}')"),
		python(companion.Need{Name: "mail", Kind: "smtp"}, "", "mails=1 subject=Order",
			"import smtplib, json, urllib.request", "from email.message import EmailMessage",
			"m = EmailMessage(); m['Subject'] = 'Order'; m['From'] = 'a@shop.example'; m['To'] = 'b@shop.example'; m.set_content('x')",
			"s = smtplib.SMTP(os.environ['SMTP_HOST'], int(os.environ['SMTP_PORT'])); s.send_message(m); s.quit()",
			"got = json.load(urllib.request.urlopen(os.environ['MAILHOG_URL'] + '/api/v2/messages'))",
			"print(f\"mails={got['total']} subject={got['items'][0]['Content']['Headers']['Subject'][0]}\")"),
		python(companion.Need{Name: "objects", Kind: "s3"}, "boto3", "buckets=0 body=b'ink' parts=2",
			"import boto3", "s3 = boto3.client('s3')", "buckets = len(s3.list_buckets()['Buckets']); s3.create_bucket(Bucket='shop'); s3.put_object(Bucket='shop', Key='a', Body=b'ink')",
			"u = s3.create_multipart_upload(Bucket='shop', Key='b')['UploadId']",
			"p = [{'PartNumber': i, 'ETag': s3.upload_part(Bucket='shop', Key='b', PartNumber=i, UploadId=u, Body=b'x' * (5 << 20))['ETag']} for i in (1, 2)]",
			"s3.complete_multipart_upload(Bucket='shop', Key='b', UploadId=u, MultipartUpload={'Parts': p})",
			"print(f\"buckets={buckets} body={s3.get_object(Bucket='shop', Key='a')['Body'].read()} parts={len(p)}\")"),
		python(companion.Need{Name: "mongo", Kind: "mongodb", Database: "shop"}, "pymongo", "before=0 after=1 of shop",
			"import pymongo", "d = pymongo.MongoClient(os.environ['MONGODB_URI']).get_default_database()",
			"before = d.items.count_documents({}); d.items.insert_one({'name': 'ink'}); d.items.create_index('name')",
			"print(f\"before={before} after={d.items.count_documents({'name': 'ink'})} of {d.name}\")"),
		python(companion.Need{Name: "blobs", Kind: "gcs"}, "google-cloud-storage", "buckets=0 body=b'ink'",
			"from google.cloud import storage", "from google.auth.credentials import AnonymousCredentials",
			"c = storage.Client(project=os.environ['GOOGLE_CLOUD_PROJECT'], credentials=AnonymousCredentials())",
			"buckets = len(list(c.list_buckets())); b = c.create_bucket('shop'); b.blob('a').upload_from_string('ink')",
			"print(f\"buckets={buckets} body={b.blob('a').download_as_bytes()}\")"),
		python(companion.Need{Name: "search", Kind: "elasticsearch"}, "opensearch-py", "before=False hits=1",
			"from opensearchpy import OpenSearch", "c = OpenSearch(os.environ['ELASTICSEARCH_URL'])",
			"before = c.indices.exists(index='items'); c.index(index='items', body={'name': 'blue ink'}, refresh=True)",
			"print(f\"before={before} hits={c.search(index='items', body={'query': {'match': {'name': 'ink'}}})['hits']['total']['value']}\")"),
	}
}
