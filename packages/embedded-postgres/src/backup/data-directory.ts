/** What is being restored, until it is whole. A server does not start beside it. */
export const unfinishedRestore = 'restore-unfinished';
/** Where what was there before a restore is kept. */
export const beforeRestore = 'before-restore-';

/** Whether an entry of a data directory is none of its data: locks of who uses it now, and what restores leave beside it. */
export function isOfThisRun(name: string): boolean {
  return (
    name === 'server.lock' ||
    name === 'server.pid' ||
    name === unfinishedRestore ||
    name.startsWith(beforeRestore)
  );
}
