import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import path from 'node:path';

/**
 * Name of the lab of a checkout when none is asked for, such as `main-3f2a9c`: its folder's name and a hash of its real
 * path, so that two checkouts on one machine never mean each other's. It is a usable lab name for every path.
 */
export function defaultLabName(checkout: string): string {
  const real = realpathSync(checkout);
  const slug = path
    .basename(real)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-');
  const readable = slug.replace(/^-+/, '').slice(0, 12).replace(/-+$/, '');
  const hash = createHash('sha256').update(real).digest('hex').slice(0, 6);
  return `${readable === '' ? 'lab' : readable}-${hash}`;
}

/** The {@link defaultLabName} of the checkout that this file is in. */
export function thisCheckoutsLab(): string {
  return defaultLabName(path.resolve(import.meta.dirname, '../../../..'));
}
