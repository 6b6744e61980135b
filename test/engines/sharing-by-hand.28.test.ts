/** S3 by hand on a newer Docker Engine than the one that Debian 12 has. */
import { onEngine } from './on-engine.ts';

await onEngine('28', () => import('../e2e/sharing-by-hand.test.ts'));
