/**
 * What the API and the agent protocol look like: the one source of types, validation and OpenAPI, and the tables of
 * error codes, conditions and events. Imports nothing of ours.
 */
export * from './addresses.ts';
export * from './agent.ts';
export * from './audit.ts';
export * from './boot-problems.ts';
export * from './bounds.ts';
export * from './checks/addresses-result.ts';
export * from './checks/check.ts';
export * from './checks/connectivity-result.ts';
export * from './checks/diagnosis-result.ts';
export * from './checks/diagnosis-table.ts';
export * from './checks/matrix-result.ts';
export * from './checks/wire-result.ts';
export * from './common.ts';
export * from './conditions/condition-kind.ts';
export * from './conditions/condition-table.ts';
export * from './conditions/person-reasons.ts';
export * from './containers.ts';
export * from './endpoints.ts';
export * from './errors.ts';
export * from './events.ts';
export type { DisputeReason } from './events/event-data.ts';
export * from './events/event-table.ts';
export * from './findings.ts';
export * from './fit.ts';
export * from './hosts.ts';
export * from './join-secrets.ts';
export * from './leases.ts';
export * from './limits.ts';
export * from './machine.ts';
export * from './names.ts';
export * from './network-settings.ts';
export * from './networks.ts';
export * from './outcomes.ts';
export * from './paths.ts';
export * from './recovery.ts';
export * from './schema.ts';
export * from './search.ts';
export * from './server-fields.ts';
export * from './settings.ts';
export * from './stacks.ts';
export * from './subnets.ts';
export * from './tokens.ts';
export * from './webhooks.ts';
