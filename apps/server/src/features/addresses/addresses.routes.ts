import {
  Address,
  AddressByOwner,
  AddressList,
  AddressReserve,
  AddressState,
  DryRunQuery,
  FreeRange,
  HostName,
  IpAddress,
  NetworkName,
  OwnerKey,
  Page,
  PageQuery,
} from '@trunkline/contracts';
import { Type } from 'typebox';
import type { App } from '../../platform/app-types.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import type { Platform } from '../../platform/platform.ts';
import { changeContext, sendReply } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader } from '../../platform/request-headers.ts';
import { writtenAs } from '../../platform/written-as.ts';
import type { AddressesService } from './addresses.service.ts';

const tags = ['addresses'];
const OfNetwork = Type.Object({ name: NetworkName });
const OfAddress = Type.Object({ name: NetworkName, ip: IpAddress });
const OfOwner = Type.Object({ name: NetworkName, owner: OwnerKey });

const asOne = writtenAs('Address');
const asList = writtenAs('AddressList');

const Filter = Type.Object({
  ...PageQuery,
  state: Type.Optional(AddressState),
  owner: Type.Optional(OwnerKey),
  host: Type.Optional(HostName),
  container: Type.Optional(
    Type.String({ maxLength: 255, description: 'Name of the container.', examples: ['box1'] }),
  ),
});

const Force = Type.Object({
  force: Type.Optional(
    Type.Boolean({
      description:
        'Release it whatever runs on it, and without quarantine. A host that holds it confirms first that it lets go of it, and gives it to no container after that.',
      examples: [false],
    }),
  ),
  unconfirmed: Type.Optional(
    Type.Boolean({
      description:
        'With `force`: do not wait for the host that holds it. You say that nothing of that host uses it; `awaitingHost` shows it until the host confirms.',
      examples: [false],
    }),
  ),
  ...DryRunQuery,
});

export async function addressRoutes(
  app: App,
  { addresses }: { platform: Platform; addresses: AddressesService },
): Promise<void> {
  app.get(
    '/v1/networks/:name/addresses',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        operationId: 'listAddresses',
        summary: 'Addresses that are held',
        description:
          'In the order of the addresses. An address that is not listed is free, excluded, or not of this network.',
        params: OfNetwork,
        querystring: Filter,
        response: answers({ 200: Page(Address, 'A page of addresses.') }),
      },
    },
    async ({ params, query }) => {
      const { limit, cursor, ...filter } = query;
      return addresses.list(params.name, filter, { limit: limit ?? defaultLimit, cursor });
    },
  );

  app.post(
    '/v1/networks/:name/addresses',
    {
      config: { access: 'operator' },
      schema: {
        tags,
        operationId: 'reserveAddress',
        summary: 'Reserve an address',
        description:
          'The next free address (`{}`), a given one (`address`), or several at once (`count`). With `owner`, asking again answers the same address with 200. ' +
          'Going round from the last one given, so that an address is reused as late as possible. What a host holds ahead of need is called back from it before anything is refused: ' +
          'up to 8 s for any address, up to 4 s for a given one. Send an Idempotency-Key to repeat a request safely.',
        headers: IdempotencyKeyHeader,
        params: OfNetwork,
        querystring: Type.Object(DryRunQuery),
        body: AddressReserve,
        response: answers({
          200: Type.Union([Address, AddressList], {
            description: 'The owner had it already (or a dry run).',
          }),
          201: Type.Union([Address, AddressList], {
            description: 'Reserved now; a list when `count` was given.',
          }),
        }),
      },
    },
    async (request, reply) => {
      const answer = await addresses.reserve(request.params.name, request.body, changeContext(request));
      const isList = typeof answer.body === 'object' && answer.body !== null && 'items' in answer.body;
      return sendReply((isList ? asList : asOne)(reply), answer);
    },
  );

  app.put(
    '/v1/networks/:name/addresses/by-owner/:owner',
    {
      config: { access: 'operator' },
      schema: {
        tags,
        operationId: 'reserveAddressByOwner',
        summary: 'The address an owner should have',
        description: 'Reserves one when the owner has none; else answers the one it has. Safe to repeat.',
        params: OfOwner,
        querystring: Type.Object(DryRunQuery),
        body: AddressByOwner,
        response: answers({
          200: { ...Address, description: 'It had one.' },
          201: { ...Address, description: 'It has one now.' },
        }),
      },
    },
    async (request, reply) =>
      sendReply(
        reply,
        await addresses.reserveByOwner(
          request.params.name,
          request.params.owner,
          request.body,
          changeContext(request),
        ),
      ),
  );

  app.get(
    '/v1/networks/:name/addresses/by-owner/:owner',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        operationId: 'addressesByOwner',
        summary: 'What an owner has',
        description: 'One address for each IP version at the most.',
        params: OfOwner,
        response: answers({ 200: AddressList }),
      },
    },
    async ({ params }) => ({ items: await addresses.byOwner(params.name, params.owner) }),
  );

  app.get(
    '/v1/networks/:name/addresses/:ip',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        operationId: 'getAddress',
        summary: 'Who holds an address',
        description: '404 `address_not_found` when nobody does.',
        params: OfAddress,
        response: answers({ 200: Address }),
      },
    },
    async ({ params }) => addresses.get(params.name, params.ip),
  );

  app.delete(
    '/v1/networks/:name/addresses/:ip',
    {
      config: { access: 'operator' },
      schema: {
        tags,
        operationId: 'releaseAddress',
        summary: 'Release an address',
        description:
          "It stays in quarantine for the network's `quarantineSeconds` before another owner gets it; its last owner may have it back at once. " +
          'Refused while something runs on it, unless `force`; what a host holds unused is called back from it first. With `force` a host that holds it is told, ' +
          'and the answer waits up to 5 s for it to confirm: 409 `release_unconfirmed` where it does not. Nobody is given the address before it does.',
        params: OfAddress,
        querystring: Force,
        response: answers({ 204: Type.Null({ description: 'Released.' }) }),
      },
    },
    async (request, reply) => {
      await addresses.release(
        request.params.name,
        request.params.ip,
        request.query.force !== true ? false : request.query.unconfirmed === true ? 'unconfirmed' : true,
        changeContext(request),
      );
      await reply.code(204).send(null);
    },
  );

  app.get(
    '/v1/networks/:name/free',
    {
      config: { access: 'viewer' },
      schema: {
        tags,
        operationId: 'listFreeRanges',
        summary: 'Free ranges',
        description: 'Runs of addresses that nobody holds and that may be given out.',
        params: OfNetwork,
        querystring: Type.Object(PageQuery),
        response: answers({ 200: Page(FreeRange, 'A page of free ranges.') }),
      },
    },
    async ({ params, query }) =>
      addresses.free(params.name, { limit: query.limit ?? defaultLimit, cursor: query.cursor }),
  );
}
