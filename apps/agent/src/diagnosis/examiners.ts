import { containerExaminer } from './container.ts';
import { dockerExaminer } from './docker.ts';
import type { Examiner } from './examiner.ts';
import { filesExaminer } from './files.ts';
import { firewallExaminer } from './firewall.ts';
import { holdersExaminer } from './holders.ts';
import { linkExaminer } from './link.ts';
import { securityExaminer } from './security.ts';
import { subnetExaminer } from './subnet.ts';
import { sysctlExaminer } from './sysctl.ts';

/** Everything that is looked at on a host, in the order of the areas. */
export const examiners: readonly Examiner[] = [
  linkExaminer,
  sysctlExaminer,
  firewallExaminer,
  subnetExaminer,
  containerExaminer,
  dockerExaminer,
  securityExaminer,
  filesExaminer,
  holdersExaminer,
];
