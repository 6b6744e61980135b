import { constants, open } from 'node:fs/promises';
import { tryParseIp } from '@trunkline/netaddr';

/** Addresses that a hosts(5) file gives a name, in its order. Names are compared without case (RFC 4343). */
export function hostsAddresses(text: string, name: string): string[] {
  const wanted = name.toLowerCase();
  return text.split('\n').flatMap((line) => {
    const [address, ...names] = withoutComment(line);
    if (address === undefined || tryParseIp(address) === undefined) return [];
    return names.some((one) => one.toLowerCase() === wanted) ? [address] : [];
  });
}

/** Name servers of a resolv.conf(5) file, at most three, as the C library takes them. */
export function nameservers(text: string): string[] {
  return text
    .split('\n')
    .flatMap((line) => {
      const [keyword, address] = withoutComment(line);
      return keyword === 'nameserver' && address !== undefined && tryParseIp(address) !== undefined
        ? [address]
        : [];
    })
    .slice(0, 3);
}

const maxBytes = 64 * 1024;

/**
 * The beginning of a file inside a container, seen through its process; '' when there is none. What a container put
 * there is not trusted: only a plain file is read, no link in the last place is followed, and nothing can block.
 */
export async function readContainerFile(pid: number, path: string): Promise<string> {
  try {
    const file = await open(
      `/proc/${pid}/root${path}`,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      if (!(await file.stat()).isFile()) return '';
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(maxBytes), position: 0 });
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}

function withoutComment(line: string): string[] {
  return (line.split('#')[0] ?? '').trim().split(/\s+/).filter(Boolean);
}
