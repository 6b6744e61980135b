import { Gauge, type Registry } from 'prom-client';

/** Shows which version the server is. */
export function registerBuildInfo(registry: Registry, version: string): void {
  new Gauge({
    name: 'trunkline_build_info',
    help: '1, labelled with the version of the server.',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
}
