import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto';
import { signatureLifetimeSeconds, signedComponents } from '@trunkline/contracts';
import { httpbis } from 'http-message-signatures';
import { ApiError } from '../../platform/errors.ts';
import { isSignature, readSignatureInput, type SignatureParameters } from './signature-input.ts';

/** A request as it came over the wire. */
export interface ReceivedRequest {
  method: string;
  /** Path and query, as in the request line. */
  url: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

const howAgentsSign = 'docs/agent-protocol.md describes what an agent signs';

/** Reads the parameters of the signature. Throws signature_invalid. */
export function openSignature(request: ReceivedRequest): SignatureParameters {
  const parameters = readSignatureInput(request.headers['signature-input']);
  if (parameters === undefined || !isSignature(request.headers['signature'])) {
    throw new ApiError('signature_invalid', `the request has no signature of an agent: ${howAgentsSign}`);
  }
  return parameters;
}

/** How long ago a request was signed, by both clocks; negative: in the future. */
export function ageOf({ created }: SignatureParameters, now: Date): { seconds: number; isOver: boolean } {
  const seconds = Math.round(now.getTime() / 1000 - created);
  return { seconds, isOver: Math.abs(seconds) > signatureLifetimeSeconds };
}

/** Throws signature_expired outside of the lifetime of a signature. */
export function checkAge(parameters: SignatureParameters, now: Date): void {
  const { seconds, isOver } = ageOf(parameters, now);
  if (!isOver) return;
  throw new ApiError(
    'signature_expired',
    `the request was signed ${Math.abs(seconds)} s ${seconds > 0 ? 'ago' : 'in the future'}, ${signatureLifetimeSeconds} s are allowed: synchronize the clocks of agent and server (NTP)`,
    { data: { serverTime: now.toISOString() } },
  );
}

/** Raw Ed25519 public key, 32 bytes, as node:crypto takes it. */
export function openPublicKey(raw: Uint8Array): KeyObject {
  return createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw).toString('base64url') },
    format: 'jwk',
  });
}

/** A URL that reads the same once normalized: what was signed is then what is routed. */
function plainUrl(url: string): URL | undefined {
  if (!url.startsWith('/') || url.startsWith('//')) return undefined;
  const parsed = new URL(url, 'http://server.invalid');
  return `${parsed.pathname}${parsed.search}` === url ? parsed : undefined;
}

/** Checks the signature over method, path, query, digest and instance (RFC 9421 section 3.2). Throws signature_invalid. */
export async function checkSignature(
  request: ReceivedRequest,
  parameters: SignatureParameters,
  publicKey: KeyObject,
): Promise<void> {
  const url = plainUrl(request.url);
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const good =
    url !== undefined &&
    (await httpbis
      .verifyMessage(
        {
          requiredFields: [...signedComponents],
          // The lifetime was checked against the server's own clock.
          notAfter: Number.MAX_SAFE_INTEGER,
          all: true,
          keyLookup: async () => ({
            id: parameters.keyid,
            algs: ['ed25519'],
            verify: async (data, signature) => verify(null, data, publicKey, signature),
          }),
        },
        { method: request.method, url, headers },
      )
      .catch(() => false));
  if (good !== true) {
    throw new ApiError(
      'signature_invalid',
      `the signature does not match this request and the key of the host: the request was changed on the way (a proxy that rewrites paths?), or signed with another key; ${howAgentsSign}`,
    );
  }
}

/** Checks that the body is the one whose digest was signed (RFC 9530). Throws signature_invalid. */
export function checkDigest(header: string | string[] | undefined, body: Uint8Array): void {
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  if (header !== digest) {
    throw new ApiError('signature_invalid', `Content-Digest does not match the body: ${howAgentsSign}`);
  }
}
