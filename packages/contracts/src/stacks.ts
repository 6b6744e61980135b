import { Type } from 'typebox';

/** Containers that share one network stack, as many as are reported; Docker itself has no bound. */
export const maxSharers = 64;

/** Names of the containers that share a network stack, in the order of their names. */
export const SharedBy = Type.Array(Type.String({ maxLength: 255 }), {
  maxItems: maxSharers,
  description:
    'Names of the containers that share its network stack (`docker run --network container:<name>`), running or not, whatever made them. Those that share the stack of one of them are named too. At most 64.',
  examples: [['metrics']],
});
