import type { Compression } from './deb.ts';
import type { Architecture } from './node-binary.ts';

/** What is packaged: which source, as which version, for which processor. */
export interface PackageSource {
  readonly root: string;
  readonly version: string;
  readonly architecture: Architecture;
}

/** How packages are made. */
export interface PackageOutput {
  /** Time of everything in them, in seconds since 1970. */
  readonly time: number;
  readonly outDir: string;
  readonly compression: Compression;
}
