package companion

// mailRecipe takes every mail, keeps it in memory, and answers the part of MailHog's
// HTTP interface that tests use: GET /api/v2/messages, DELETE /api/v1/messages.
func mailRecipe(v Version) Recipe {
	return Recipe{
		Base: base(v.Suite, "python3-aiosmtpd"), User: nobody, SlowStart: true,
		Command: []string{"python3", "-u", "-c", mailServer},
	}
}

const mailServer = `import email, json, signal, sys, threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from aiosmtpd.controller import Controller

lock, kept, count = threading.Lock(), [], 0


def path(address):
    name, _, domain = address.rpartition('@')
    return {'Relays': None, 'Mailbox': name, 'Domain': domain, 'Params': ''}


class Inbox:
    async def handle_DATA(self, server, session, envelope):
        global count
        raw = envelope.content.decode('utf-8', 'replace')
        parsed, (head, _, body) = email.message_from_string(raw), raw.partition('\r\n\r\n')
        headers = {}
        for name, value in parsed.items():
            headers.setdefault(name, []).append(str(value))
        with lock:
            count += 1
            kept.insert(0, {
                'ID': '%d@companion' % count, 'From': path(envelope.mail_from or ''), 'To': [path(to) for to in envelope.rcpt_tos],
                'Content': {'Headers': headers, 'Body': body, 'Size': len(raw), 'MIME': None}, 'Created': datetime.now(timezone.utc).isoformat(),
                'Raw': {'From': envelope.mail_from or '', 'To': envelope.rcpt_tos, 'Data': raw, 'Helo': session.host_name or ''},
            })
        return '250 Ok'


class Web(BaseHTTPRequestHandler):
    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        with lock:
            mails = list(kept)
        if self.path.split('?')[0] == '/api/v2/messages':
            self.answer(200, {'total': len(mails), 'count': len(mails), 'start': 0, 'items': mails})
        else:
            self.answer(404, {'error': 'GET /api/v2/messages, or DELETE /api/v1/messages'})

    def do_DELETE(self):
        with lock:
            kept.clear()
        self.answer(200, {})

    def log_message(self, *args):
        pass


web = ThreadingHTTPServer(('0.0.0.0', 8025), Web)
threading.Thread(target=web.serve_forever, daemon=True).start()
Controller(Inbox(), hostname='0.0.0.0', port=1025, ready_timeout=60).start()
signal.pause()
`
