import pg from 'pg';

/**
 * One connection; the caller connects and ends it. It has an error listener as long as it lives: a connection that breaks
 * would end the process otherwise (https://node-postgres.com/apis/client#events). Whoever waits for an answer gets the error.
 */
export function openClient(config: pg.ClientConfig): pg.Client {
  const client = new pg.Client(config);
  client.on('error', () => {});
  return client;
}
