import type { ApiClient } from '@trunkline/client';
import { waitFor } from '@trunkline/lab/hosts/wait.ts';

const filledMs = 180_000;

/** Waits until each host has its warm pool of a network. */
export async function warmPoolsFull(
  client: Pick<ApiClient, 'addresses'>,
  network: string,
  hosts: number,
  warm: number,
): Promise<void> {
  await waitFor(
    `${String(hosts)} warm pools of ${String(warm)}`,
    async () => {
      let leased = 0;
      for await (const { state } of client.addresses.all(network, { limit: 1000 })) {
        if (state === 'leased') leased += 1;
      }
      return leased >= hosts * warm;
    },
    filledMs,
    200,
  );
}
