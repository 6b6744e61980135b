import { parseArgs } from 'node:util';
import { messageOf } from '@trunkline/log';

/** What the command line asks for. */
export type CommandLine =
  | { readonly do: 'run' }
  | { readonly do: 'print'; readonly text: string }
  | { readonly do: 'backup' | 'restore'; readonly file: string };

/** Arguments that are not understood. */
export class UsageError extends Error {}

const usage = `Usage: trunkline-server [backup FILE | restore FILE | --version | --help]

The server of a Trunkline fleet. Without an argument it runs until it is stopped.

  backup FILE    write its data directory with its own PostgreSQL into an archive, also while it runs
  restore FILE   put the data directory back from such an archive, while no server runs on it; what was there is kept

Settings are environment variables; the package reads them from /etc/trunkline/server.env:

  TRUNKLINE_LISTEN            address and port to listen on; 127.0.0.1:7400 unless set
  TRUNKLINE_DATA_DIR          folder of its database and of the first admin token
  TRUNKLINE_ADMIN_TOKEN       the first admin token, 20 characters or more; made unless set
  DATABASE_URL                PostgreSQL to use; the server runs its own unless set
  TRUNKLINE_PUBLIC_URL        URL at which hosts and people reach it, such as https://trunkline.example.net:7400
  TRUNKLINE_TLS               own: a certificate that it makes and renews itself; off: plain HTTP. Unless set: plain HTTP on
                              loopback or behind trusted proxies, own everywhere else
  TRUNKLINE_TLS_KEY           PEM file of a private key of yours
  TRUNKLINE_TLS_CERT          PEM file of its certificate chain
  TRUNKLINE_TRUST_PROXY       addresses or CIDRs of trusted proxies, with commas between them
  TRUNKLINE_UNUSED_LEASES     unused addresses of a network that a host may hold beside its warm pool; 128
  TRUNKLINE_POOL_LOW_PERCENT  percentage of addresses left from which PoolNearlyFull is shown; 10
  TRUNKLINE_POOL_LOW_DAYS     days until full from which PoolNearlyFull is shown; 7
  TRUNKLINE_MANY_STATIONS     MACs of a network on one host from which ManyStations is shown; 200
  TRUNKLINE_WEBHOOK_ALLOW     private addresses or CIDRs that webhooks may send to, with commas between them
  TRUNKLINE_AUDIT_DAYS        days that entries of the audit log are kept; 90
  TRUNKLINE_LOG_LEVEL         trace, debug, info, warn, error, fatal or silent; info

Exit code 0 after SIGTERM or SIGINT, 1 when it cannot go on or a setting cannot be used, 2 for wrong arguments.
`;

/** Reads the arguments after the program. Throws {@link UsageError}. */
export function readCommandLine(argv: readonly string[], version: string): CommandLine {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options: { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } },
      allowPositionals: true,
    });
    if (values.help === true) return { do: 'print', text: usage };
    if (values.version === true) return { do: 'print', text: `${version}\n` };
    return commandOf(positionals);
  } catch (error) {
    throw new UsageError(`${messageOf(error)} (--help shows what there is)`, { cause: error });
  }
}

function commandOf([command, file, ...others]: readonly string[]): CommandLine {
  if (command === undefined) return { do: 'run' };
  if (command !== 'backup' && command !== 'restore') throw new Error(`${command} is no command`);
  if (file === undefined || file === '' || others.length > 0)
    throw new Error(`${command} takes the name of one file`);
  return { do: command, file };
}
