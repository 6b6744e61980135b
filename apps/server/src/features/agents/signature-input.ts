import { signedComponents } from '@trunkline/contracts';

/** Parameters of a signature of an agent. */
export interface SignatureParameters {
  /** Seconds since 1970. */
  created: number;
  nonce: string;
  /** Id of the host. */
  keyid: string;
}

const components = signedComponents.map((name) => `"${name}"`).join(' ');
const nonce = '([A-Za-z0-9_-]{16,64})';
const uuid = '([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})';
const pattern = new RegExp(
  `^trunkline=\\(${components}\\);created=(\\d{1,12});nonce="${nonce}";keyid="${uuid}";alg="ed25519"$`,
);

/**
 * Reads a `Signature-Input` that is exactly what agents send: our label, all of our components in our order without
 * parameters, and our four parameters. RFC 9421 allows many other forms; each of them would be one more way to sign
 * less than the whole request.
 */
export function readSignatureInput(header: string | string[] | undefined): SignatureParameters | undefined {
  const match = typeof header === 'string' ? pattern.exec(header) : null;
  const [, created, value, keyid] = match ?? [];
  if (created === undefined || value === undefined || keyid === undefined) return undefined;
  return { created: Number(created), nonce: value, keyid };
}

/** Our label, one signature of 64 bytes. */
export function isSignature(header: string | string[] | undefined): boolean {
  return typeof header === 'string' && /^trunkline=:[A-Za-z0-9+/]{86}==:$/.test(header);
}
