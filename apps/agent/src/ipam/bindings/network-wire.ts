import { messageOf } from '@trunkline/log';
import type { AddressProbe, ProbeAnswer } from '../../wire/address-probe.ts';

/** The wires that the networks of this host hang on. */
export interface NetworkWire {
  /**
   * Asks the wire of a network for an address. `known`: MACs whose speaking for it means nothing. Never fails but by its
   * answer.
   */
  readonly ask: (how: HowToAsk, about: AddressOnWire, signal: AbortSignal) => Promise<ProbeAnswer>;
  /**
   * Whether an address is silent on the wire at this moment, within {@link silenceMs}: the MAC of whoever has it, null where
   * nobody answers, and where nobody can be asked; `blind` then has the reason. For what a container waits for, and for whoever
   * wants to know that an address is not in use any more.
   */
  readonly holderOf: (about: AddressOnWire) => Promise<string | null>;
  /** Why the wire could not be asked, by network; only what was so at the last question of that network. */
  readonly blind: () => ReadonlyMap<string, string>;
}

/** How an address is asked for: see {@link AddressProbe}. */
export type HowToAsk = 'probe' | 'ask' | 'recheck';

/** An address of a network, and who may speak for it. */
export interface AddressOnWire {
  readonly networkId: string;
  readonly ip: string;
  readonly known?: readonly string[];
}

/**
 * Bound of a question that somebody waits for, in milliseconds: for a machine that is slow. Where the link is there already it takes
 * a quarter of a second.
 */
const silenceMs = 2000;

/** Asks nothing by itself. */
export function createNetworkWire(deps: {
  readonly probe: AddressProbe;
  /** Interface of this host that a network hangs on; null while that is not known. */
  readonly linkOf: (networkId: string) => string | null;
  /** Whether the network has its interface for one container alone: nothing of ours may be there to listen. */
  readonly isPassthru: (networkId: string) => boolean;
}): NetworkWire {
  const blind = new Map<string, string>();

  async function askLink(
    how: HowToAsk,
    { networkId, ip, known = [] }: AddressOnWire,
    signal: AbortSignal,
  ): Promise<ProbeAnswer> {
    const link = deps.linkOf(networkId);
    if (deps.isPassthru(networkId)) {
      if (link !== null) deps.probe.letGo(link);
      return { answer: 'unknown', reason: 'a passthru network can only have its one container' };
    }
    if (link === null) return { answer: 'unknown', reason: 'the interface of the network is not known yet' };
    try {
      return await deps.probe[how]({ link, ip, known }, signal);
    } catch (error) {
      return { answer: 'unknown', reason: messageOf(error) };
    }
  }

  async function ask(...question: Parameters<NetworkWire['ask']>): Promise<ProbeAnswer> {
    const answer = await askLink(...question);
    const [, { networkId }] = question;
    if (answer.answer === 'unknown') blind.set(networkId, answer.reason);
    else blind.delete(networkId);
    return answer;
  }

  return {
    ask,
    holderOf: async (about) => {
      const answer = await ask('ask', about, AbortSignal.timeout(silenceMs));
      return answer.answer === 'taken' ? answer.mac : null;
    },
    blind: () => blind,
  };
}
