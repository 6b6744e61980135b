/** A join token as a person carries it to a host. */
export interface JoinSecret {
  /** What the server knows it by. */
  readonly secret: string;
  /**
   * SHA-256 of the public key (DER SubjectPublicKeyInfo) of the certificate authority that proves the server, base64url; null where
   * the token names none: the machine's own authorities prove it then.
   */
  readonly authority: string | null;
}

/** The text of a join token: `tlj_<secret>`, or `tlj_<secret>.<authority>`. Pure. */
export function formatJoinSecret({ secret, authority }: JoinSecret): string {
  return authority === null ? secret : `${secret}.${authority}`;
}

/** Reads the text of a join token. A part behind the dot that is no SHA-256 stays a part of the secret. Pure. */
export function parseJoinSecret(text: string): JoinSecret {
  const [, secret, authority] = /^([^.]+)\.([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  return secret === undefined || authority === undefined
    ? { secret: text, authority: null }
    : { secret, authority };
}
