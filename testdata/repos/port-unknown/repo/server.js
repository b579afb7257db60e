require('node:http').createServer(require('./lib/listener.js').listener).listen(process.env.PORT)
