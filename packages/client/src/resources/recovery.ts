import { recoveryReleasePath, type Recovery } from '@trunkline/contracts';
import type { Answer, CallOptions, Requester, WriteOptions } from '../request.ts';

/** `/v1/recovery`: whether the database recovers from a restored backup. */
export function createRecovery({ call }: Requester) {
  return {
    get: (options?: CallOptions): Promise<Answer<Recovery>> =>
      call({ method: 'GET', path: '/v1/recovery' }, options),
    /** Goes on without a host that does not answer. */
    release: (host: string, options?: WriteOptions): Promise<Answer<Recovery>> =>
      call({ method: 'POST', path: recoveryReleasePath(host) }, options),
  };
}
