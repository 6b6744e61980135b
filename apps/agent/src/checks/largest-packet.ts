import type { RunCommand } from '../host/command.ts';
import { parsePingSummary } from './ping-summary.ts';

/** Sizes of packets that are tried below the MTU, in bytes: of PPPoE, of tunnels, and the smallest of IPv6 and of IPv4. */
const smallerSizes = [1492, 1472, 1450, 1420, 1400, 1280, 576];

/** Of the sizes that are tried, the largest IP packet that is answered without fragments; 0: not even the smallest. */
export async function largestPacket(
  address: string,
  run: RunCommand,
  mtu: number,
  signal: AbortSignal,
): Promise<number> {
  const passes = async (bytes: number): Promise<boolean> => {
    const family = address.includes(':') ? '-6' : '-4';
    // The headers of IP and of the echo request (RFC 791, RFC 8200, RFC 792).
    const payload = bytes - (address.includes(':') ? 48 : 28);
    const options = ['-M', 'do', '-c', '2', '-i', '0.2', '-W', '1', '-s', String(payload)];
    const { stdout } = await run('ping', ['-n', '-q', family, ...options, address], {
      timeoutMs: 8000,
      acceptCodes: [0, 1, 2],
      signal,
    });
    return (parsePingSummary(stdout)?.received ?? 0) > 0;
  };
  if (await passes(mtu)) return mtu;
  const smaller = smallerSizes.filter((bytes) => bytes < mtu);
  const passed = await Promise.all(smaller.map(passes));
  return Math.max(0, ...smaller.filter((_, index) => passed[index] === true));
}
