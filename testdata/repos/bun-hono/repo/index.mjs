import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const app = new Hono()
app.get('/health', (c) => c.text('ok'))
app.get('/', (c) => c.json({ hello: 'bun' }))
serve({ fetch: app.fetch, port: 3500 })
