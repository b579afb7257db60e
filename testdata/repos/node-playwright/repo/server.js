const http = require('node:http')
const { chromium } = require('playwright')

http.createServer(async (request, response) => {
  if (request.url === '/healthz') return response.end('ok')
  const browser = await chromium.launch({ executablePath: process.env.CHROME_PATH })
  try {
    const page = await browser.newPage()
    await page.setContent('<h1>Hello from a browser</h1>')
    response.end(await page.textContent('h1'))
  } finally {
    await browser.close()
  }
}).listen(3900)
