const Koa = require('koa')
const { format } = require('@shop/money')

const app = new Koa()
app.use((ctx) => { ctx.body = ctx.path === '/health' ? 'ok' : format(1999) })
app.listen(3300)
