/** The part of HAProxy's configuration that tells connections apart before a request is read. */

/** The user that HAProxy goes on as. */
export const nobodyElse = 65_534;
/**
 * A bind of IPv6 has its port's number and this as its id, and those within have more of it: the
 * rest is the port.
 */
export const ids6 = 100_000;

/** What answers at a port of TLS: one at once, the other after a look at the name. */
const [direct, byName] = ['secure', 'names'];
const ended = 'ended';

/**
 * Both listen from the start, and one of them sleeps. While they both answer nothing is wrong: who
 * looks at the name hands on what no Gateway wants.
 */
export const namesCommands = (matter: boolean): string[] =>
  matter
    ? [`enable frontend ${byName}\n`, `disable frontend ${direct}\n`]
    : [`enable frontend ${direct}\n`, `disable frontend ${byName}\n`];

const innerSocket = (dir: string, name: string): string => `${dir}/${name}.sock`;

/** Nobody but HAProxy itself comes here; who comes to it is told by the PROXY protocol. */
export const innerBind = (dir: string, name: string, port: number, tls: string): string[] => [
  `  bind unix@${innerSocket(dir, name)} id ${2 * ids6 + port} uid ${nobodyElse} mode 600 ` +
    `accept-proxy${tls}`,
];

interface Streams {
  dir: string;
  /** The line that says whom the PROXY protocol is believed of. */
  proxies: string;
  tls: string;
}

const modeIs = (mode: string): string => `{ var(txn.mode) -m str -- ${mode} }`;
const place = '{ var(txn.ip) -m found }';
const way = [
  `  tcp-request content set-var(txn.at) so_id,mod(${ids6})`,
  '  tcp-request content lua.gateway-stream',
];
/** Where no backend is to be had the connection ends. */
const onward = (when = ''): string[] => [
  `  tcp-request content reject if ${when}!${place}`,
  `  tcp-request content set-dst var(txn.ip) if ${when}${place}`,
  `  tcp-request content set-dst-port var(txn.port) if ${when}${place}`,
  `  use_backend stream if ${when}${place}`,
];
const target = ['backend stream', '  mode tcp', '  server service 0.0.0.0:0'];

/**
 * A connection is passed on, or its TLS is ended here and what is within is passed on, or it goes
 * where all others go.
 */
export function streamFrontends({
  dir,
  proxies,
  tls,
  port,
  binds,
}: Streams & { port: number; binds: string[] }): string[] {
  const within = (name: string): string[] => [
    `backend to-${name}`,
    '  mode tcp',
    `  server ${name} unix@${innerSocket(dir, name)} send-proxy-v2`,
  ];
  return [
    `frontend ${byName}`,
    '  mode tcp',
    ...binds,
    proxies,
    '  tcp-request inspect-delay 5s',
    '  tcp-request content reject unless { req.ssl_hello_type 1 }',
    '  tcp-request content set-var(txn.sni) req.ssl_sni,lower',
    ...way,
    ...onward(`${modeIs('pass')} `),
    `  use_backend to-${ended} if ${modeIs('end')}`,
    '  default_backend to-web',
    `frontend ${ended}`,
    '  mode tcp',
    ...innerBind(dir, ended, port, tls),
    '  tcp-request content set-var(txn.sni) ssl_fc_sni,lower',
    ...way,
    `  tcp-request content reject unless ${modeIs('end')}`,
    ...onward(),
    ...within('web'),
    ...within(ended),
    ...target,
  ];
}

/** A port of a Gateway where bytes are all there is. */
export const tcpFrontend = ({ proxies }: Streams, binds: string[]): string[] => [
  'frontend tcp',
  '  mode tcp',
  ...binds,
  proxies,
  ...way,
  ...onward(),
  ...target,
];
