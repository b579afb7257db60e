require('node:http').createServer(require('./lib/listener.js').listener).listen(require('/etc/plain/port.json'))
