import type { DockerNetwork } from '../host/docker-engine.ts';

/** A container that should run and that could not be started again. */
export interface NotStarted {
  readonly name: string;
  /** The Docker networks with our driver that it is on. */
  readonly networks: readonly DockerNetwork[];
  /** Docker's words. */
  readonly why: string;
}
