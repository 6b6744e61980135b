'use strict';
// What of undici the agent uses: a pool of connections and a request. The package's own entry loads fetch, caches, mocks,
// WebSocket and more, which weigh 11 MiB of memory and are never used.
const Dispatcher = require('undici/lib/dispatcher/dispatcher.js');
Dispatcher.prototype.request = require('undici/lib/api/api-request.js');
exports.Agent = require('undici/lib/dispatcher/agent.js');
// As its own `request` with a URL and a dispatcher.
exports.request = (url, { dispatcher, ...options }) =>
  dispatcher.request({ ...options, origin: url.origin, path: `${url.pathname}${url.search}` });
