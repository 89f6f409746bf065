// Preloaded (NODE_OPTIONS=--require) into the Node processes of a rehearsal: connections to Google's and Firebase's
// hosts go to 127.0.0.1:$LOCAL_GOOGLE_PORT, and to no other host. TLS stays as it is: NODE_EXTRA_CA_CERTS has the
// authority. Names resolve to a marker, so that clients that resolve by themselves (gRPC) are led there, too.
'use strict';
const dns = require('node:dns');
const net = require('node:net');

const port = Number(process.env.LOCAL_GOOGLE_PORT);
const marker = { address: '127.77.77.77', family: 4 };
const domains = require('./domains.json');
const isLed = (host) =>
  typeof host === 'string' && domains.some((domain) => host === domain || host.endsWith(`.${domain}`));

const { lookup } = dns;
dns.lookup = (host, options, callback) => {
  if (typeof options === 'function') return dns.lookup(host, {}, options);
  if (!isLed(host)) return lookup(host, options, callback);
  const answer = options?.all ? [[marker]] : [marker.address, marker.family];
  process.nextTick(() => callback(null, ...answer));
};
const promised = dns.promises.lookup;
dns.promises.lookup = async (host, options) => {
  if (!isLed(host)) return promised.call(dns.promises, host, options);
  return options?.all ? [marker] : marker;
};

const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...given) {
  // net.connect passes its normalized arguments as one array that a symbol marks.
  const list = Array.isArray(given[0]) ? given[0] : given;
  const [to, ...rest] = list;
  if (typeof to !== 'object' || to === null || !(isLed(to.host) || to.host === marker.address)) {
    return connect.apply(this, given);
  }
  const { lookup: _, ...others } = to;
  const led = [{ ...others, host: '127.0.0.1', port }, ...rest];
  if (list !== given[0]) return connect.apply(this, led);
  for (const key of Object.getOwnPropertySymbols(list)) led[key] = list[key];
  return connect.call(this, led);
};
require('node:module').syncBuiltinESMExports();
