const { listener } = require('./lib/listener.js');
require('node:http').createServer(listener).listen(3000);
