import { createHash, sign, type KeyObject } from 'node:crypto';
import { instanceHeader, signedComponents } from '@trunkline/contracts';
import { httpbis } from 'http-message-signatures';

/** Who signs. */
export interface AgentIdentity {
  /** Id of the host, the `keyid` of its signatures. */
  readonly hostId: string;
  /** Ed25519. */
  readonly privateKey: KeyObject;
}

/** The request that is to be signed. */
export interface SignableRequest {
  readonly method: string;
  readonly url: URL;
  /** '' for none. */
  readonly body: string;
}

/** What makes one signature different from the next. */
export interface SignatureMoment {
  /** Seconds matter, the rest is cut. */
  readonly created: Date;
  /** 128 random bits, base64url: the server takes each once. */
  readonly nonce: string;
  /** Random at every start of the agent. */
  readonly instance: string;
}

/** Label of our signature in `Signature` and `Signature-Input`. */
export const signatureLabel = 'trunkline';

/** Parameters of our signatures, all required (RFC 9421 section 2.3). */
export const signatureParameters = ['created', 'nonce', 'keyid', 'alg'] as const;

/** `Content-Digest` of a body (RFC 9530), also of an empty one. */
export function contentDigest(body: string): string {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
}

/**
 * The headers that prove who sent a request (RFC 9421): they cover method, path, query, body and the agent's instance,
 * so none of these can be changed, and the signature is worth nothing on another request.
 */
export async function signRequest(
  request: SignableRequest,
  identity: AgentIdentity,
  moment: SignatureMoment,
): Promise<Record<string, string>> {
  const { headers } = await httpbis.signMessage(
    {
      name: signatureLabel,
      fields: [...signedComponents],
      params: [...signatureParameters],
      paramValues: { created: moment.created, nonce: moment.nonce },
      key: {
        id: identity.hostId,
        alg: 'ed25519',
        sign: (data) => Promise.resolve(sign(null, data, identity.privateKey)),
      },
    },
    {
      method: request.method,
      url: request.url,
      headers: {
        'content-digest': contentDigest(request.body),
        [instanceHeader]: moment.instance,
      },
    },
  );
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
