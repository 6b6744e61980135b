import type Docker from 'dockerode';

interface Abortable {
  readonly abortSignal: AbortSignal;
}

/** What dockerode 5.0.1 does and `@types/dockerode` 4.0.2 does not know. Results are read by docker-wire.ts. */
export interface DockerodeCalls {
  version(options: Abortable): Promise<unknown>;
  ping(options: Abortable): Promise<unknown>;
  info(options: Abortable): Promise<unknown>;
  createNetwork(options: DockerodeRequest): Promise<{ readonly id: string }>;
  createContainer(options: DockerodeRequest): Promise<{ readonly id: string }>;
  getNetwork(idOrName: string): {
    inspect(): Promise<unknown>;
    remove(options: Abortable): Promise<unknown>;
    connect(
      options: Abortable & { readonly Container: string; readonly EndpointConfig: object },
    ): Promise<unknown>;
    disconnect(
      options: Abortable & { readonly Container: string; readonly Force: boolean },
    ): Promise<unknown>;
  };
}

/** A request with body and query kept apart; dockerode sends one object as both otherwise. */
export type DockerodeRequest = Abortable & {
  readonly _query: Readonly<Record<string, string>>;
  readonly _body: object;
};

/** The same client with the calls above in their true types; the only cast around dockerode. */
export function trueTypes(docker: Docker): DockerodeCalls {
  const client: unknown = docker;
  return client as DockerodeCalls;
}
