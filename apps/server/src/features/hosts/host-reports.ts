import { isDeepStrictEqual } from 'node:util';
import { hostPath, type Report } from '@trunkline/contracts';
import type { Change } from '../../platform/changes.ts';
import type { Platform } from '../../platform/platform.ts';
import { heartbeatsToSilence, type Fleet } from './fleet.ts';
import { afterReport, agentSilent, clockOff, identityShared, withCondition } from './host-conditions.ts';
import {
  silentHosts,
  lockHostReport,
  writeConditions,
  writeReport,
  type ReportedHost,
} from './hosts.store.ts';

/** What an agent reports of its host as a whole. */
export type HostReport = Pick<Report, 'facts' | 'conditions' | 'observedRevision'> & { observedAt: Date };

/** The lock of one report of a host: no other one is recorded until the transaction ends. */
export interface ReportLock {
  /** The host as the reports before left it. */
  before: ReportedHost;
  /** False: a newer report is here already, and this one must not be put over it. */
  newest: boolean;
  /** When the agent looked: by its clock, but never later than now by ours (promise 9). */
  observedAt: Date;
}

/** Hosts as their agents speak for them. */
export interface HostReports {
  /** Undefined for a host that was retired. */
  openReport(change: Change, hostId: string, observedAt: Date): Promise<ReportLock | undefined>;
  /** Writes what the host itself is. Called last: the host's row is locked from here on. */
  recordReport(change: Change, hostId: string, lock: ReportLock, report: HostReport): Promise<void>;
  /** Another live agent has the same identity. Recorded once, until it has been quiet for a while. */
  recordConflict(change: Change, hostId: string, message: string): Promise<void>;
  /** The agent is heard and refused: the clock of its host is ahead by so many seconds. Recorded once, until it reports. */
  recordClock(change: Change, hostId: string, seconds: number): Promise<void>;
  /** Marks hosts that fell silent. A server that has just started first gives them the time to be heard. */
  sweepSilent(): Promise<void>;
}

/** Of what this database never gave the host, nothing is known. */
/** Who was heard so lately is not silent, in milliseconds. */
const heardMs = 20_000;
const upTo = (known: bigint, reported: bigint): bigint => (reported > known ? known : reported);
const maxSilentARound = 200;

export function createHostReports(
  platform: Pick<Platform, 'database' | 'changes' | 'now'>,
  fleet: Fleet,
): HostReports {
  const { database, changes, now } = platform;
  const startedAt = now();

  return {
    async openReport(change, hostId, observedAt) {
      const before = await lockHostReport(change.db, hostId);
      if (before === undefined) return undefined;
      const seen = new Date(Math.min(observedAt.getTime(), now().getTime()));
      return { before, newest: before.observedAt === null || before.observedAt <= seen, observedAt: seen };
    },

    async recordReport(change, hostId, lock, report) {
      const at = now();
      if (!lock.newest) return writeReport(change.db, hostId, { lastSeenAt: at });
      const { name, conditions: stored, facts } = lock.before;
      const after = afterReport(lock.before, report.conditions, at);
      const about = { subject: hostPath(name), host: name };
      if (after.reconnected) change.record({ type: 'host.connected', ...about });
      for (const { type, status, reason, message } of after.changes) {
        change.record({ type: 'host.condition-changed', ...about, data: { type, status, reason, message } });
      }
      if (facts !== null && facts.bootId !== report.facts.bootId)
        change.record({ type: 'host.rebooted', ...about });
      await writeReport(change.db, hostId, {
        lastSeenAt: at,
        observedAt: lock.observedAt,
        observedRevision: upTo(lock.before.desiredRevision, BigInt(report.observedRevision)),
        ...(isDeepStrictEqual(facts, report.facts) ? {} : { facts: report.facts }),
        ...(isDeepStrictEqual(stored, after.conditions) ? {} : { conditions: after.conditions }),
      });
    },

    async recordConflict(change, hostId, message) {
      const row = await lockHostReport(change.db, hostId);
      if (row === undefined) return;
      const { conditions: stored } = row;
      if (stored.some(({ type, status }) => type === 'IdentityUnique' && status === 'False')) return;
      await writeConditions(
        change.db,
        hostId,
        withCondition(stored, identityShared(row.version, now(), message)),
      );
      change.record({
        type: 'host.identity-conflict',
        subject: hostPath(row.name),
        host: row.name,
        data: { message },
      });
    },

    async recordClock(change, hostId, seconds) {
      const row = await lockHostReport(change.db, hostId);
      // Who reports has a clock that is right: an old request was sent again.
      const isHeard = row?.lastSeenAt != null && now().getTime() - row.lastSeenAt.getTime() < heardMs;
      if (row === undefined || isHeard) return;
      const next = clockOff(row, now(), seconds);
      if (row.conditions.some(({ type, reason }) => type === next.type && reason === next.reason)) return;
      await writeConditions(change.db, hostId, withCondition(row.conditions, next));
      const { type, status, reason, message } = next;
      change.record({
        type: 'host.condition-changed',
        subject: hostPath(row.name),
        host: row.name,
        data: { type, status, reason, message },
      });
    },

    async sweepSilent() {
      await fleet.refresh();
      const silenceMs = heartbeatsToSilence * fleet.heartbeatSeconds() * 1000;
      if (now().getTime() - startedAt.getTime() < silenceMs) return;
      const before = new Date(now().getTime() - silenceMs);
      for (const { id } of await silentHosts(database.prisma, before, maxSilentARound)) {
        await changes.make({ actor: 'server' }, async (change) => {
          const row = await lockHostReport(change.db, id);
          if (row === undefined || row.lastSeenAt === null || row.lastSeenAt >= before) return;
          const { conditions: stored } = row;
          if (!stored.some(({ type, status }) => type === 'AgentConnected' && status === 'True')) return;
          await writeConditions(change.db, id, withCondition(stored, agentSilent(row, row.lastSeenAt)));
          change.record({
            type: 'host.silent',
            subject: hostPath(row.name),
            host: row.name,
            data: { lastSeenAt: row.lastSeenAt.toISOString() },
          });
        });
      }
    },
  };
}
