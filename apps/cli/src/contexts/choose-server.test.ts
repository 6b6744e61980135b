import { expect, test } from 'vitest';
import { chooseServer } from './choose-server.ts';
import type { ContextBook } from './context-book.ts';

const prod = { url: 'https://prod.example/', token: 'tl_prod', ca: 'PEM' };
const lab = { url: 'http://127.0.0.1:7400/', token: 'tl_lab' };
const book: ContextBook = { current: 'prod', contexts: { prod, lab } };
const choose = (env: Record<string, string>, context?: string, contexts = book) =>
  chooseServer(contexts, { context, env });

test('the context in use, unless another is named', () => {
  expect(choose({})).toEqual(prod);
  expect(choose({}, 'lab')).toEqual(lab);
  expect(() => choose({}, 'other')).toThrow('there is no context "other": there are prod, lab');
});

test('the environment goes before the context in use, and --context before the environment', () => {
  const env = {
    TRUNKLINE_URL: 'https://other.example',
    TRUNKLINE_TOKEN: 'tl_other',
    TRUNKLINE_CA_FILE: '/ca.pem',
  };
  expect(choose(env)).toEqual({ url: 'https://other.example/', token: 'tl_other', caFile: '/ca.pem' });
  expect(choose(env, 'lab')).toEqual(lab);
  expect(choose({ TRUNKLINE_TOKEN: 'tl_mine' })).toEqual({ ...prod, token: 'tl_mine' });
});

test('the token of a context never goes to another server', () => {
  expect(() => choose({ TRUNKLINE_URL: 'https://other.example' })).toThrow('TRUNKLINE_TOKEN is not');
  expect(choose({ TRUNKLINE_URL: 'https://prod.example' })).toEqual(prod);
});

test('without anything the sentence says what to do; empty variables are none', () => {
  const nothing = { current: null, contexts: {} };
  expect(() => choose({ TRUNKLINE_URL: '' }, undefined, nothing)).toThrow('`trunkline login URL`');
});
