import { ApiError, type ApiClient } from '@trunkline/client';
import { wholePages } from './kind.ts';

/** What one network has, or all of them have, network by network. One that goes meanwhile has nothing. */
export async function* inNetworks<T>(
  client: ApiClient,
  network: string | undefined,
  list: (network: string) => AsyncIterable<T>,
): AsyncGenerator<T> {
  if (network !== undefined) {
    yield* list(network);
    return;
  }
  for await (const { name } of client.networks.all(wholePages)) {
    try {
      yield* list(name);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'network_not_found')) throw error;
    }
  }
}
