const app = require('fastify')()

app.get('/healthz', async () => 'ok')
app.get('/', async () => ({ hello: 'yarn' }))
app.listen({ port: 3200, host: '0.0.0.0' })
