import { randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Runs `work` with the descriptor of a file of that content. It has no name, so nobody need remove it: it goes with
 * the last process that has it open, however that ends.
 */
export async function withNamelessFile<T>(
  content: Buffer,
  work: (descriptor: number) => Promise<T>,
): Promise<T> {
  const name = path.join(tmpdir(), `trunkline-vm-${randomUUID()}`);
  await using file = await open(name, 'wx+', 0o600);
  await rm(name);
  await file.write(content);
  return await work(file.fd);
}
