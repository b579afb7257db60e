import Fastify from 'fastify'
import sharp from 'sharp'

const app = Fastify()
app.get('/:size', async (request, reply) => {
  const size = Math.min(Number(request.params.size) || 16, 256)
  const png = await sharp({ create: { width: size, height: size, channels: 3, background: 'teal' } }).png().toBuffer()
  return reply.type('image/png').send(png)
})
app.get('/healthz', async () => 'ok')
await app.listen({ host: '0.0.0.0', port: 3800 })
