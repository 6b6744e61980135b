import { join } from 'node:path';
import { readFileIfAny, writeFileAtomically } from '../lib/atomic-file.ts';

const pathOf = (folder: string): string => join(folder, 'server-ca.pem');

/** The certificate of the authority that proves the server, PEM, as a join token named it; null where none did. */
export async function readTrustedAuthority(folder: string): Promise<string | null> {
  return await readFileIfAny(pathOf(folder));
}

/** Keeps it beside the identity. */
export async function keepTrustedAuthority(folder: string, pem: string): Promise<void> {
  await writeFileAtomically(pathOf(folder), pem);
}
