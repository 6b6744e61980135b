import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { readFileIfAny, writeFileAtomically } from '../lib/atomic-file.ts';

/** Who this host is. */
export interface Identity {
  /** Ed25519; never leaves the state folder. */
  readonly privateKey: KeyObject;
  /** Raw public key, base64url, as the join asks for it. */
  readonly publicKey: string;
  /** Given by the server; null until the host has joined. */
  readonly hostId: string | null;
}

/** Who this host is, once it has joined. */
export type JoinedIdentity = Identity & { readonly hostId: string };

/** The identity file is there and cannot be used. */
export class UnreadableIdentity extends Error {
  override readonly name = 'UnreadableIdentity';

  constructor(path: string, cause: unknown) {
    super(
      `${path} cannot be read as an identity: restore it, or move it away and join again with a new join token ` +
        '(the host must be retired first); a new key never overwrites an old one',
      { cause },
    );
  }
}

/**
 * The identity in a state folder, made and kept on the first call. The key is on disk before it is used to join, so
 * that a join whose answer was lost is the same join when it is tried again.
 *
 * Fails with {@link UnreadableIdentity}.
 */
export async function loadIdentity(folder: string): Promise<Identity> {
  const path = identityPath(folder);
  const text = await readFileIfAny(path);
  if (text === null) {
    const { privateKey } = generateKeyPairSync('ed25519');
    await save(path, privateKey, null);
    return identityOf(privateKey, null);
  }
  return parseIdentity(path, text);
}

/**
 * The id of the host whose state folder this is; null where it has not joined. Makes nothing. Fails with
 * {@link UnreadableIdentity}.
 */
export async function readHostId(folder: string): Promise<string | null> {
  const path = identityPath(folder);
  const text = await readFileIfAny(path);
  return text === null ? null : parseIdentity(path, text).hostId;
}

function parseIdentity(path: string, text: string): Identity {
  try {
    const { privateKey, hostId } = JSON.parse(text) as { privateKey: string; hostId: string | null };
    const key = createPrivateKey(privateKey);
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`the key is ${key.asymmetricKeyType}`);
    if (hostId !== null && typeof hostId !== 'string') throw new Error('hostId is missing');
    return identityOf(key, hostId);
  } catch (error) {
    throw new UnreadableIdentity(path, error);
  }
}

/** Keeps what the server answered to the join. */
export async function saveHostId(folder: string, identity: Identity, hostId: string): Promise<Identity> {
  await save(identityPath(folder), identity.privateKey, hostId);
  return { ...identity, hostId };
}

function identityPath(folder: string): string {
  return join(folder, 'identity.json');
}

function identityOf(privateKey: KeyObject, hostId: string | null): Identity {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (typeof x !== 'string') throw new Error('the key has no public part');
  return { privateKey, publicKey: x, hostId };
}

async function save(path: string, privateKey: KeyObject, hostId: string | null): Promise<void> {
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' });
  await writeFileAtomically(path, `${JSON.stringify({ privateKey: pem, hostId }, null, 2)}\n`);
}
