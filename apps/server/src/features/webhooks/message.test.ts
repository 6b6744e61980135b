import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { isMeant, messageOf, newSigningSecret, secretText, signedHeaders } from './message.ts';

const event = {
  revision: 1042n,
  at: new Date('2026-11-30T12:00:00.000Z'),
  type: 'network.created',
  subject: '/v1/networks/lan0',
  network: 'lan0',
  host: null,
  actor: 'token:admin',
  requestId: 'req-1',
  data: { generation: 1 },
};

test('a message has type, timestamp and data, and in data the sequence of the event', () => {
  expect(JSON.parse(messageOf(event))).toEqual({
    type: 'network.created',
    timestamp: '2026-11-30T12:00:00.000Z',
    data: {
      sequence: '1042',
      subject: '/v1/networks/lan0',
      network: 'lan0',
      host: null,
      actor: 'token:admin',
      requestId: 'req-1',
      data: { generation: 1 },
    },
  });
});

test('the signature is the HMAC-SHA256 of id, timestamp and body, as the specification writes it', () => {
  const secret = newSigningSecret();
  const now = new Date('2026-11-30T12:00:01.500Z');
  const headers = signedHeaders({ id: 'a', payload: '{"x":1}' }, [secret], now);
  const seconds = Math.floor(now.getTime() / 1000);
  const mac = createHmac('sha256', secret).update(`msg_a.${seconds}.{"x":1}`).digest('base64');
  expect(headers).toEqual({
    'webhook-id': 'msg_a',
    'webhook-timestamp': String(seconds),
    'webhook-signature': `v1,${mac}`,
  });
});

test('the vector of the specification: this secret, id, time and body have this signature', () => {
  const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
  const headers = signedHeaders(
    { id: 'p5jXN8AQM9LWM0D4loKWxJek', payload: '{"test": 2432232314}' },
    [secret],
    new Date(1_614_265_330_000),
  );
  expect(headers).toMatchObject({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('during a rotation whoever has one of the two secrets can verify, and nobody else', () => {
  const [now, before, foreign] = [newSigningSecret(), newSigningSecret(), newSigningSecret()];
  const payload = messageOf(event);
  const headers = signedHeaders({ id: 'b', payload }, [now, before], new Date());
  for (const secret of [now, before])
    expect(new Webhook(secretText(secret)).verify(payload, headers)).toEqual(JSON.parse(payload));
  expect(() => new Webhook(secretText(foreign)).verify(payload, headers)).toThrow('No matching signature');
  expect(() => new Webhook(secretText(now)).verify(`${payload} `, headers)).toThrow('No matching signature');
});

test.each([
  [['*'], 'host.silent', true],
  [['network.*'], 'network.created', true],
  [['network.*'], 'networks.created', false],
  [['host.silent', 'network.created'], 'network.created', true],
  [['network.create'], 'network.created', false],
])('of %j, %s is sent: %s', (filters, type, meant) => {
  expect(isMeant(filters, type)).toBe(meant);
});
