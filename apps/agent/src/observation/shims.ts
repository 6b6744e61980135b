import type { Link } from '../host/links.ts';
import { isMarked } from './marks.ts';

/**
 * Whether a link is a shim that we made and came to an end with: the link of this host itself over which it reaches its containers
 * on the link below. The alias is set last.
 */
export function isShim({ kind, alias }: Pick<Link, 'kind' | 'alias'>): boolean {
  return kind === 'macvlan' && isMarked(alias);
}
