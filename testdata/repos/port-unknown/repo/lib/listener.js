exports.listener = (req, res) => res.end(req.url === '/health' ? 'ok' : 'hello');
