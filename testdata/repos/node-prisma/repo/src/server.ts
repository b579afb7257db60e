import http from 'node:http'
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3'
import { PrismaClient } from '../generated/prisma/client.js'

const prisma = new PrismaClient({ adapter: new PrismaBetterSqlite3({ url: 'file:/tmp/ledger.db' }) })
await prisma.$executeRawUnsafe('CREATE TABLE IF NOT EXISTS Entry (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL)')
await prisma.entry.create({ data: { text: 'opened' } })

http.createServer(async (req, res) => {
  if (req.url === '/healthz') return void res.end('ok')
  res.end(JSON.stringify(await prisma.entry.findMany()))
}).listen(Number(process.env.PORT ?? 4100))
process.on('SIGTERM', () => process.exit(0))
