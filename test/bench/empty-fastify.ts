import fastify from 'fastify';

/** The bare limit: Fastify that reads a JSON body and answers, and does nothing else. Prints its URL. */
const app = fastify({ logger: false });
app.post('/empty', async () => ({ ok: true }));
app.get('/livez', async () => ({ ok: true }));
process.stdout.write(`${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
