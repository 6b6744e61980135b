/** Samples of all servers fall together, at whole multiples of this, in milliseconds. */
export const sampleEveryMs = 3 * 3_600_000;

/** How late a sample may be taken, in milliseconds. What is counted later would be dated too early: it is left out. */
const maxLateMs = 5 * 60_000;

/** The time that a sample taken now belongs to; undefined between samples. Pure. */
export function sampleTime(now: Date): Date | undefined {
  const lateMs = now.getTime() % sampleEveryMs;
  return lateMs <= maxLateMs ? new Date(now.getTime() - lateMs) : undefined;
}
