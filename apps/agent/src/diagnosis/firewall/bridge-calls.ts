import type { HostFinding } from '@trunkline/contracts';
import type { DropPoint } from './drop-point.ts';

/** A host where frames that a bridge below a network forwards go through iptables. */
export interface CallingBridge {
  readonly name: string;
  /** The setting that makes it so, with its value. */
  readonly setting: string;
}

/**
 * Policies that drop what such a bridge forwards: those that count did it while the diagnosis sent its packets, the others may have,
 * since some were lost. No other policy of the host concerns a bridge.
 */
export function bridgeFindings(
  bridge: CallingBridge,
  before: readonly DropPoint[],
  after: readonly DropPoint[],
): readonly HostFinding[] {
  return after.flatMap((point) => {
    if (point.isForwardPolicy !== true) return [];
    const from = before.find(({ key }) => key === point.key)?.packets ?? 0;
    if (point.packets !== null && point.packets <= from) return [];
    const counted =
      point.packets === null
        ? 'it has no counter, and packets were lost'
        : `${from} packets before the traffic of this diagnosis, ${point.packets} after it`;
    return [
      {
        code: 'bridge-calls-iptables' as const,
        subject: `bridge ${bridge.name}`,
        message: `frames that the bridge ${bridge.name} forwards go through iptables, where ${point.subject} drops what no rule accepts`,
        evidence: [bridge.setting, `${point.subject}: ${point.text}; ${counted}`],
        remedy: `iptables -I FORWARD -i ${bridge.name} -o ${bridge.name} -j ACCEPT (with Docker: in DOCKER-USER), or sysctl -w net.bridge.bridge-nf-call-iptables=0`,
      },
    ];
  });
}

/** The setting by which a bridge hands frames to iptables; null: it does not. It is one of the whole host, or of the bridge. */
export async function callingSetting(
  bridge: string,
  readFile: (path: string) => Promise<string>,
): Promise<string | null> {
  const isOn = async (path: string): Promise<boolean> =>
    (await readFile(path).catch(() => '')).trim() === '1';
  // There is none without the module br_netfilter.
  if (await isOn('/proc/sys/net/bridge/bridge-nf-call-iptables'))
    return 'net.bridge.bridge-nf-call-iptables = 1';
  const own = `/sys/class/net/${bridge}/bridge/nf_call_iptables`;
  return (await isOn(own)) ? `${own} = 1` : null;
}
