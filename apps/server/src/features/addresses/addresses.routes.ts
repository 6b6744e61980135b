import {
  Address,
  AddressByOwner,
  AddressList,
  AddressReserve,
  AddressState,
  DryRunQuery,
  Family,
  FreeRange,
  HostName,
  IpAddress,
  ListFilters,
  MacFilter,
  NetworkName,
  OwnerKey,
  Page,
  PageQuery,
} from '@trunkline/contracts';
import { Type } from 'typebox';
import { route, type App } from '../../platform/app-types.ts';
import { labelsOf, macOf } from '../../platform/list-filters.ts';
import { answers } from '../../platform/openapi.ts';
import { defaultLimit } from '../../platform/pagination.ts';
import { changeContext, sendReply } from '../../platform/request-context.ts';
import { IdempotencyKeyHeader } from '../../platform/request-headers.ts';
import { writtenAs } from '../../platform/written-as.ts';
import type { ReleaseForce } from './address-release.ts';
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
  mac: MacFilter,
  label: ListFilters.label,
});

const Force = Type.Object({
  force: Type.Optional(
    Type.Boolean({
      description:
        'Release the address although a container uses it, and without quarantine. The host that holds it must confirm the revocation first, and gives it to no container afterwards.',
      examples: [false],
    }),
  ),
  unconfirmed: Type.Optional(
    Type.Boolean({
      description:
        'With `force`: do not wait for the host that holds the address. You declare that nothing on that host uses it. `awaitingHost` names the host until it confirms.',
      examples: [false],
    }),
  ),
  ...DryRunQuery,
});

const forceOf = ({ force, unconfirmed }: { force?: boolean; unconfirmed?: boolean }): ReleaseForce =>
  force !== true ? false : unconfirmed === true ? 'unconfirmed' : true;

const listAddresses = route({
  method: 'GET',
  url: '/v1/networks/:name/addresses',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'listAddresses',
    summary: 'List addresses',
    description:
      'Sorted by address. An address that is not listed is free, excluded, or not in this network.',
    params: OfNetwork,
    querystring: Filter,
    response: answers({ 200: Page(Address, 'A page of addresses.') }),
  },
});

const reserveAddress = route({
  method: 'POST',
  url: '/v1/networks/:name/addresses',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'reserveAddress',
    summary: 'Reserve an address',
    description:
      'Reserves the next free address (`{}`), a given one (`address`), or several at once (`count`). With `owner`, a repeated request is answered with the same address and 200. ' +
      'The search for a free address starts after the last one given out, so that an address is reused as late as possible. Before a request is refused, unused addresses are recalled from hosts: this takes ' +
      'up to 8 s for any address, up to 4 s for a given one. Send an Idempotency-Key to repeat a request safely.',
    headers: IdempotencyKeyHeader,
    params: OfNetwork,
    querystring: Type.Object(DryRunQuery),
    body: AddressReserve,
    response: answers({
      200: Type.Union([Address, AddressList], {
        description: 'The owner already had the address (or a dry run).',
      }),
      201: Type.Union([Address, AddressList], {
        description: 'The address was reserved; a list when `count` was given.',
      }),
    }),
  },
});

const reserveAddressByOwner = route({
  method: 'PUT',
  url: '/v1/networks/:name/addresses/by-owner/:owner',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'reserveAddressByOwner',
    summary: 'Give an owner an address',
    description:
      'Reserves an address when the owner has none (201); otherwise makes the reservation what the body says, and answers with the one it has (200). Safe to repeat. GET answers the same address, DELETE releases it.',
    params: OfOwner,
    querystring: Type.Object(DryRunQuery),
    body: AddressByOwner,
    response: answers({
      200: { ...Address, description: 'The owner already had the address (or a dry run).' },
      201: { ...Address, description: 'The address was reserved.' },
    }),
  },
});

const FamilyQuery = {
  family: Type.Optional({
    ...Family,
    description:
      'IP version, of an owner that has an address of each. Left out: GET answers the IPv4 one, DELETE releases both.',
  }),
};

const addressByOwner = route({
  method: 'GET',
  url: '/v1/networks/:name/addresses/by-owner/:owner',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'addressByOwner',
    summary: 'Get the address of an owner',
    description:
      '404 `address_not_found` when the owner has none. The addresses of an owner on one network are listed with `GET …/addresses?owner=`.',
    params: OfOwner,
    querystring: Type.Object(FamilyQuery),
    response: answers({ 200: Address }),
  },
});

const releaseByOwner = route({
  method: 'DELETE',
  url: '/v1/networks/:name/addresses/by-owner/:owner',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'releaseAddressByOwner',
    summary: 'Release the address of an owner',
    description:
      "As DELETE of the address itself, and never of one that is somebody else's by then. An owner with an address of each IP version loses both, or neither where one is refused, unless `family` names one. 404 `address_not_found` when the owner has none, as after the first of two requests.",
    params: OfOwner,
    querystring: Type.Object({ ...FamilyQuery, ...Force.properties }),
    response: answers({ 204: Type.Null({ description: 'Released.' }) }),
  },
});

const getAddress = route({
  method: 'GET',
  url: '/v1/networks/:name/addresses/:ip',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'getAddress',
    summary: 'Get one address',
    description: '404 `address_not_found` when nobody holds the address.',
    params: OfAddress,
    response: answers({ 200: Address }),
  },
});

const releaseAddress = route({
  method: 'DELETE',
  url: '/v1/networks/:name/addresses/:ip',
  config: { access: 'operator' },
  schema: {
    tags,
    operationId: 'releaseAddress',
    summary: 'Release an address',
    description:
      "It stays in quarantine for the network's `quarantineSeconds` before another owner may get it. Its last owner may have it back at once. " +
      'Refused while a container uses it, unless `force` is set. An unused address is recalled from its host first. With `force` the host that holds it is notified, ' +
      'and the answer waits up to 5 s for its confirmation: 409 `release_unconfirmed` without one. The address is given to nobody before the host confirms.',
    params: OfAddress,
    querystring: Force,
    response: answers({ 204: Type.Null({ description: 'Released.' }) }),
  },
});

const listFreeRanges = route({
  method: 'GET',
  url: '/v1/networks/:name/free',
  config: { access: 'viewer' },
  schema: {
    tags,
    operationId: 'listFreeRanges',
    summary: 'List free ranges',
    description: 'Ranges of addresses that nobody holds and that may be given out.',
    params: OfNetwork,
    querystring: Type.Object(PageQuery),
    response: answers({ 200: Page(FreeRange, 'A page of free ranges.') }),
  },
});

export async function addressRoutes(app: App, { addresses }: { addresses: AddressesService }): Promise<void> {
  app.route({
    ...listAddresses,
    handler: async ({ params, query }) => {
      const { limit, cursor, mac, label, ...rest } = query;
      const filter = {
        ...rest,
        ...(mac === undefined ? {} : { mac: macOf(mac) }),
        ...(label === undefined ? {} : { labels: labelsOf(label) }),
      };
      return addresses.list(params.name, filter, { limit: limit ?? defaultLimit, cursor });
    },
  });

  app.route({
    ...reserveAddress,
    handler: async (request, reply) => {
      const answer = await addresses.reserve(request.params.name, request.body, changeContext(request));
      const isList = typeof answer.body === 'object' && answer.body !== null && 'items' in answer.body;
      return sendReply((isList ? asList : asOne)(reply), answer);
    },
  });

  app.route({
    ...reserveAddressByOwner,
    handler: async (request, reply) =>
      sendReply(
        reply,
        await addresses.reserveByOwner(
          request.params.name,
          request.params.owner,
          request.body,
          changeContext(request),
        ),
      ),
  });

  app.route({
    ...addressByOwner,
    handler: async ({ params, query }) => addresses.ofOwner(params.name, params.owner, query.family),
  });

  app.route({
    ...releaseByOwner,
    handler: async (request, reply) => {
      const { params, query } = request;
      await addresses.releaseOfOwner(
        params.name,
        params.owner,
        query.family,
        forceOf(query),
        changeContext(request),
      );
      await reply.code(204).send(null);
    },
  });

  app.route({ ...getAddress, handler: async ({ params }) => addresses.get(params.name, params.ip) });

  app.route({
    ...releaseAddress,
    handler: async (request, reply) => {
      await addresses.release(
        request.params.name,
        request.params.ip,
        forceOf(request.query),
        changeContext(request),
      );
      await reply.code(204).send(null);
    },
  });

  app.route({
    ...listFreeRanges,
    handler: async ({ params, query }) =>
      addresses.free(params.name, { limit: query.limit ?? defaultLimit, cursor: query.cursor }),
  });
}
