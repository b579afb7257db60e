const http = require('node:http');
const puppeteer = require('puppeteer');
http.createServer(async (req, res) => {
  if (req.url === '/healthz') return res.end('ok');
  const browser = await puppeteer.launch({ args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  try {
    const page = await browser.newPage();
    await page.setContent('<h1>Hello</h1>');
    res.end(`${await page.$eval('h1', (e) => e.textContent)} ${(await page.screenshot()).length > 1000}`);
  } catch (e) { res.statusCode = 500; res.end(String(e)); } finally { await browser.close(); }
}).listen(4000);
process.on('SIGTERM', () => process.exit(0));
