import type { AddressState, ErrorCode } from '@trunkline/contracts';
import { ApiError, type ApiErrorOptions } from '../../platform/errors.ts';

/** What hosts can be asked to return: what they do not use of a network, or one address. */
export type Recallable = { network: string } & (
  | { families: readonly (4 | 6)[]; count: number; address?: never }
  | { address: string; families?: never; count?: never }
);

/** A refusal that ends when hosts return what they hold and do not use: whoever answers may ask them first. */
export class HeldByHosts extends ApiError {
  readonly recallable: Recallable;

  constructor(code: ErrorCode, detail: string, recallable: Recallable, options: ApiErrorOptions = {}) {
    super(code, detail, options);
    this.recallable = recallable;
  }
}

/** The refusal for an address that somebody has: {@link HeldByHosts} where a host holds it (`leased`), and so may not use it. */
export function heldAddress(
  code: ErrorCode,
  detail: string,
  { network, address, state }: { network: string; address: string; state: AddressState | undefined },
  options: ApiErrorOptions,
): ApiError {
  return state === 'leased'
    ? new HeldByHosts(code, detail, { network, address }, options)
    : new ApiError(code, detail, options);
}
