import http from 'node:http';

/** One POST over a Unix socket, on a connection that is kept; the answer read as JSON. Fails for any status but 200. */
export async function socketCall(
  agent: http.Agent,
  socketPath: string,
  path: string,
  body: object,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const payload = JSON.stringify(body);
  const headers = { host: 'plugin', 'content-length': Buffer.byteLength(payload) };
  const request = http.request({ agent, socketPath, method: 'POST', path, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => {
      if (response.statusCode === 200) resolve(JSON.parse(text));
      else reject(new Error(`${path}: ${String(response.statusCode)} ${text}`));
    });
    response.on('error', reject);
  });
  request.on('error', reject);
  request.end(payload);
  return await promise;
}
