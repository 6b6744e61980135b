import { ApiError, ServerUnreachable } from '@trunkline/client';

/** Why a server is not reached, as far as a person can mend it. */
export type ConnectionFaultKind =
  | 'plain-port'
  | 'secure-port'
  | 'unknown-authority'
  | 'wrong-name'
  | 'expired'
  | 'not-yet-valid'
  | 'clock-off'
  | 'refused'
  | 'unknown-name'
  | 'silent';

/** Each fault: what OpenSSL, Node, undici or the API calls it, and what is the matter, and what to do. */
export const connectionFaults: Readonly<
  Record<ConnectionFaultKind, { readonly reasons: readonly string[]; readonly advice: string }>
> = {
  'plain-port': {
    reasons: ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO'],
    advice:
      'no TLS is spoken there: write http:// if the server is asked for plain HTTP (TRUNKLINE_TLS=off), else see that the port is that of the server',
  },
  'secure-port': {
    reasons: ['https_required'],
    advice: 'write https:// in the URL of the server',
  },
  'unknown-authority': {
    reasons: [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_GET_ISSUER_CERT',
      'CERT_SIGNATURE_FAILURE',
      'CERT_UNTRUSTED',
    ],
    advice:
      'this host trusts nobody who signed the certificate of the server: see that the URL is right, then join again with a new join token, which names the authority (trunkline-agent join URL TOKEN), or name its certificate in TRUNKLINE_CA_FILE',
  },
  'wrong-name': {
    reasons: ['ERR_TLS_CERT_ALTNAME_INVALID'],
    advice:
      'the certificate of the server is for other names: use one of them in the URL, or set TRUNKLINE_PUBLIC_URL of the server to this URL and start it again',
  },
  expired: {
    reasons: ['CERT_HAS_EXPIRED'],
    advice:
      'the certificate of the server has ended by the clock of this host: set that clock (NTP) if it is wrong, else renew the certificate of the server',
  },
  'not-yet-valid': {
    reasons: ['CERT_NOT_YET_VALID'],
    advice:
      'the certificate of the server is not valid yet by the clock of this host: set that clock (NTP) if it is wrong, else the one of the server',
  },
  'clock-off': {
    reasons: ['signature_expired'],
    advice: 'the clocks of this host and of the server differ by more than a minute: set both by NTP',
  },
  refused: {
    reasons: ['ECONNREFUSED'],
    advice: 'nobody listens there: see that the server runs, and that address and port are right',
  },
  'unknown-name': {
    reasons: ['ENOTFOUND', 'EAI_AGAIN'],
    advice: 'the name in the URL is not known here: see that it is right, and that this host has a resolver',
  },
  silent: {
    reasons: [
      'ETIMEDOUT',
      'EHOSTUNREACH',
      'ENETUNREACH',
      'UND_ERR_CONNECT_TIMEOUT',
      'UND_ERR_HEADERS_TIMEOUT',
    ],
    advice: 'nothing comes back: see that this host has a route to it, and that no firewall is in between',
  },
};

const kinds = Object.entries(connectionFaults) as readonly [
  ConnectionFaultKind,
  (typeof connectionFaults)[ConnectionFaultKind],
][];

/** What kind of fault an error is; null for one that the table does not have. Pure. */
export function connectionFaultKind(error: unknown): ConnectionFaultKind | null {
  const reason =
    error instanceof ServerUnreachable ? error.reason : error instanceof ApiError ? error.code : '';
  return kinds.find(([, { reasons }]) => reasons.includes(reason))?.[0] ?? null;
}

/** What a log says of an error of a request: the error, and `why`, one sentence, where it is known what to do. Pure. */
export function faultFields(error: unknown): { readonly err: unknown; readonly why?: string } {
  const why = connectionFault(error);
  return why === null ? { err: error } : { err: error, why };
}

/** What is the matter between this host and its server, and what to do, in one sentence; null where the table does not have it. Pure. */
export function connectionFault(error: unknown): string | null {
  const kind = connectionFaultKind(error);
  if (kind === null || !(error instanceof Error)) return null;
  const what = error instanceof ApiError ? (error.problem?.detail ?? error.message) : error.message;
  return `${what}; ${connectionFaults[kind].advice}`;
}
