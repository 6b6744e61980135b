import { maxFieldErrors } from '@trunkline/contracts';
import { expect, test } from 'vitest';
import { invalidFields } from './errors.ts';

test('an answer lists no more of what is wrong than its schema allows, and says how much there was', () => {
  const wrong = Array.from({ length: 200 }, (_, n) => ({
    pointer: `/subnets/0/ranges/${n}`,
    message: 'is no range',
  }));
  const { errors, message } = invalidFields(wrong);
  expect(errors).toEqual(wrong.slice(0, maxFieldErrors));
  expect(message).toContain('/subnets/0/ranges/4 is no range and 195 more');
});
