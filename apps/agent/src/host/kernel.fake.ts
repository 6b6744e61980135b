import { createCallRecord, type CallRecord } from './call-record.ts';
import type { HostRoute, Kernel, KernelState } from './kernel.ts';

/** A kernel in memory, for table tests. `calls` has what would have changed the real one. */
export type FakeKernel = Kernel &
  Pick<CallRecord, 'calls' | 'failNext'> & {
    /** Makes the kernel another one. */
    readonly set: (state: Partial<KernelState>) => void;
    /** Makes it the link of the only default route; null: there is none, as at first. */
    readonly setDefaultRoute: (link: string | null) => void;
    readonly addRoute: (route: HostRoute) => void;
  };

/** A kernel with all that is needed, which routes nothing. */
export function createFakeKernel(): FakeKernel {
  const { calls, failNext, note } = createCallRecord();
  let state: KernelState = {
    release: '6.1.0',
    modules: { macvlan: 'ready', '8021q': 'ready' },
    forwarding: { ipv4: false, ipv6: false },
    routes: [],
    defaultRoutes: [],
  };
  return {
    calls,
    failNext,
    set: (change) => {
      state = { ...state, ...change };
    },
    setDefaultRoute: (link) => {
      state = { ...state, defaultRoutes: link === null ? [] : [link] };
    },
    addRoute: (route) => {
      state = { ...state, routes: [...state.routes, route] };
    },
    observe: async () => state,
    loadModule: async (module) => {
      note('loadModule', module);
      state = { ...state, modules: { ...state.modules, [module]: 'ready' } };
    },
    settleShim: async (name) => note('settleShim', name),
    enableForwarding: async () => {
      note('enableForwarding');
      state = { ...state, forwarding: { ...state.forwarding, ipv4: true } };
    },
  };
}
