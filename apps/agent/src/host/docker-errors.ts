/** What every error of the Docker room has in common; `code` is for programs, `message` for people. */
export type DockerErrorCode =
  'docker_unreachable' | 'docker_not_found' | 'docker_conflict' | 'docker_refused' | 'docker_unsupported';

/** Any error that `DockerEngine` gives. Distinguished by class or `code`, never by its text. */
export abstract class DockerError extends Error {
  abstract readonly code: DockerErrorCode;
  /** What was asked of Docker: `create network mac_net1`. */
  readonly operation: string;

  constructor(operation: string, reason: string, cause?: unknown) {
    super(`docker: ${operation}: ${reason}`, cause === undefined ? undefined : { cause });
    this.operation = operation;
  }
}

/** Docker does not answer: no socket, refused, cut off, or too slow. Trying again later can help. */
export class DockerUnreachable extends DockerError {
  override readonly name = 'DockerUnreachable';
  override readonly code = 'docker_unreachable';
  /** The system's error (`ENOENT`, `ECONNREFUSED`, …), or `timeout`. */
  readonly reason: string;

  constructor(operation: string, reason: string, detail: string, cause?: unknown) {
    super(operation, detail, cause);
    this.reason = reason;
  }
}

/** Docker does not know the container, network or image (404). */
export class DockerNotFound extends DockerError {
  override readonly name = 'DockerNotFound';
  override readonly code = 'docker_not_found';
}

/** The name is taken, or the thing is in use (409, and 403 for a network with containers on it). */
export class DockerConflict extends DockerError {
  override readonly name = 'DockerConflict';
  override readonly code = 'docker_conflict';
}

/** Docker refused, for a reason of its own (any other status). */
export class DockerRefused extends DockerError {
  override readonly name = 'DockerRefused';
  override readonly code = 'docker_refused';
  /** Of the answer; 400 also for a request that was not even sent because it could not be right. */
  readonly status: number;
  /** Docker's own words. */
  readonly said: string;

  constructor(operation: string, status: number, said: string, cause?: unknown) {
    super(operation, `${said} (status ${status})`, cause);
    this.status = status;
    this.said = said;
  }
}

/** This Engine cannot do it; another version could. */
export class DockerUnsupported extends DockerError {
  override readonly name = 'DockerUnsupported';
  override readonly code = 'docker_unsupported';
}
