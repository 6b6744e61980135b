/** Why a host that is not online takes no part in a check, in a clause. */
export const whySilent = (lastSeenAt: Date | null): string =>
  `it has not been heard since ${lastSeenAt?.toISOString() ?? 'it joined'}`;
