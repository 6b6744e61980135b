/** Typed client of the Trunkline API, for agents, tests and users. */
export * from './agent-client.ts';
export * from './api-client.ts';
export * from './errors.ts';
export type { Answer, ApiCall, CallOptions, ListQuery, PageOf, WriteOptions } from './request.ts';
export type { FollowOptions } from './resources/events.ts';
export * from './signature.ts';
export { createTransport } from './transport.ts';
export type { QueryValues, ServerLocation, Transport, WireAnswer, WireRequest } from './transport.ts';
