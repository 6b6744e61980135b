import type { Fleet } from '@trunkline/lab/fleet/fleet.ts';

/**
 * Stops and starts the agent of docker01. The first start after a change of the code translates it, which takes 20 MiB for as
 * long as it runs (docs/decisions/0035); what is measured is every later one.
 */
export async function startAgain(fleet: Fleet): Promise<void> {
  await fleet.stopAgent('docker01');
  await fleet.startAgent('docker01');
}
