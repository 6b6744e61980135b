import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyContextConfig,
  FastifyInstance,
  FastifySchema,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';

/** The app as routes see it: request types come from the TypeBox schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** A route as its callers see it: where it is, who may call it, what it takes and answers. Its handler is wired apart. */
export interface Route<S extends FastifySchema> {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: string;
  config: FastifyContextConfig & { access: NonNullable<FastifyContextConfig['access']> };
  schema: S;
  /** Bytes, where a body may be larger than most. */
  bodyLimit?: number;
}

/** Checks a route, and keeps the types of its schema: those of the handler follow from them. */
export function route<const S extends FastifySchema>(one: Route<S>): Route<S> {
  return one;
}
