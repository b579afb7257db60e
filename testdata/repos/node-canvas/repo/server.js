const http = require('node:http');
const { createCanvas } = require('canvas');
http.createServer((req, res) => {
  if (req.url === '/healthz') return res.end('ok');
  const canvas = createCanvas(120, 20);
  const ctx = canvas.getContext('2d');
  ctx.font = '14px sans-serif';
  ctx.fillText('build passing', 4, 15);
  res.end(`${ctx.measureText('build passing').width > 40} ${canvas.toBuffer('image/png').length > 300}`);
}).listen(3800);
process.on('SIGTERM', () => process.exit(0));
