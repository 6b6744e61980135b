/** Variable with how many times longer than usual everything may take: 10 where a machine is emulated. */
export const PATIENCE_VARIABLE = 'TRUNKLINE_LAB_PATIENCE';

/**
 * A deadline as this machine needs it: `ms` times {@link PATIENCE_VARIABLE} (1 when not set). For deadlines that
 * only tell a thing that hangs from one that works; not for how long something must take. Throws when the
 * variable is no number of 1 or more.
 */
export function patient(ms: number, variable = process.env[PATIENCE_VARIABLE]): number {
  const factor = Number(variable ?? '1');
  if (!(factor >= 1)) {
    throw new Error(`${PATIENCE_VARIABLE} is "${String(variable)}": write a number of 1 or more`);
  }
  return ms * factor;
}
