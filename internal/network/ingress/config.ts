import { longestRewritten } from '../../api/ingress/routes.ts';
import type { Protocol } from '../../api/ingress/targets.ts';
import { gatewayScript } from './gateway-lua.ts';
import { ids6, innerBind, nobodyElse, streamFrontends, tcpFrontend } from './stream-config.ts';
import { hash } from './table.ts';

/** Where HAProxy of this node keeps what it is told; all names are ours. */
export interface Places {
  /** Below it: `haproxy.cfg`, `gateway.lua`, `admin.sock`, the maps, `certs.list`, `certs/`. */
  dir: string;
  /** At least one of the three. */
  httpPort?: number;
  /** Of TLS: requests within it, or bytes where a Gateway says so. */
  httpsPort?: number;
  /** Of a Gateway: bytes, and nothing else is served then. */
  tcpPort?: number;
  /** Clients come by IPv6, too. */
  ipv6?: boolean;
}

/** What a HAProxy was made with. */
export interface Abilities {
  /** It can be taught what Gateways need. */
  lua: boolean;
  /** It tells its counters as Prometheus reads them. */
  metrics: boolean;
}

/** What HAProxy looks up, in the order in which it must be told of more. */
export const mapNames = [
  'proxies',
  'policies',
  'allow',
  'users',
  'origins',
  'pools',
  'gateway-specs',
  'gateway-hosts',
  'gateway-streams',
  'exact',
  'prefix',
] as const;
export type MapName = (typeof mapNames)[number];
/** What routes name is there before they are. */
export const routeMaps: ReadonlySet<MapName> = new Set([
  'exact',
  'prefix',
  'gateway-hosts',
  'gateway-streams',
]);
/** Those that a HAProxy without Lua does not have. */
export const scriptMaps: ReadonlySet<MapName> = new Set([
  'gateway-specs',
  'gateway-hosts',
  'gateway-streams',
]);
/** In `gateway-hosts` when there is more in it. */
export const anyEntry = 'any';

export const mapFile = (dir: string, name: MapName): string => `${dir}/${name}.map`;
export const certList = (dir: string): string => `${dir}/certs.list`;
export const socketFile = (dir: string): string => `${dir}/admin.sock`;
export const metricsSocket = (dir: string): string => `${dir}/metrics.sock`;
export const configFile = (dir: string): string => `${dir}/haproxy.cfg`;
export const scriptFile = (dir: string): string => `${dir}/gateway.lua`;
export const scriptOf = (dir: string): string =>
  gatewayScript({
    hosts: mapFile(dir, 'gateway-hosts'),
    specs: mapFile(dir, 'gateway-specs'),
    streams: mapFile(dir, 'gateway-streams'),
    pools: mapFile(dir, 'pools'),
  });
const stickyCookie = 'skiff-route';

/** Requests are written into a ring in memory while somebody reads them (`skiff ingress-log`). */
export const logRing = 'access';
export const logSwitch = { file: (dir: string): string => `${dir}/log.map`, key: 'log' };
const logRingBytes = 262_144;
const longestLogLine = 4_096;

/** HAProxy takes commands up to this size; a table is told in pieces. */
export const bufferBytes = 32_768;

/** Fields of a route and of a policy, as `tables.ts` writes them. */
const route = {
  ip: 'var(txn.route),field(1,|)',
  port: 'var(txn.route),field(2,|)',
  backend: 'var(txn.route),field(3,|)',
  policy: 'var(txn.route),field(4,|)',
  pool: 'var(txn.route),field(5,|)',
  elements: 'var(txn.route),field(6,|)',
  cookiePath: 'var(txn.route),field(7,|)',
  server: 'var(txn.route),field(8,|)',
};
const policy = {
  redirect: 'var(txn.p),field(1,|)',
  hsts: 'var(txn.p),field(2,|)',
  timeout: 'var(txn.p),field(3,|)',
  body: 'var(txn.p),field(4,|)',
  allow: 'var(txn.p),field(5,|)',
  users: 'var(txn.p),field(6,|)',
  rewrite: 'var(txn.p),field(7,|)',
  rate: 'var(txn.p),field(8,|)',
  sticky: 'var(txn.p),field(9,|)',
  cors: 'var(txn.p),field(10,|)',
  corsMethods: 'var(txn.p),field(11,|)',
  corsHeaders: 'var(txn.p),field(12,|)',
  corsSeconds: 'var(txn.p),field(13,|)',
  corsCredentials: 'var(txn.p),field(14,|)',
};
const has = (expression: string): string => `{ ${expression} -m reg -- [^-] }`;
const is = (expression: string, text: string): string => `{ ${expression} -m str -- ${text} }`;
const found = (name: string): string => `{ var(txn.${name}) -m found }`;
const set = (name: string, expression: string, when = ''): string =>
  `http-request set-var(txn.${name}) ${expression} ${when}`.trim();
const say = (status: number, text: string, when: string, more = ''): string =>
  `http-request return status ${status} content-type text/plain string "${text}" ${more}${when}`;

/** The maps are asked for the host, then for `*` in the place of its first label, then for any. */
function lookUps(dir: string): string[] {
  const unless = `unless ${found('route')}`;
  const [exact, prefix] = [
    `map_str(${mapFile(dir, 'exact')})`,
    `map_beg(${mapFile(dir, 'prefix')})`,
  ];
  const wild = 'var(txn.host),regsub(^[^.]*,*)';
  return [
    ...['var(txn.host)', wild].flatMap((host) => [
      set('route', `${host},concat(,txn.path),${exact}`, unless),
      set('route', `${host},concat(,txn.path,/),${prefix}`, unless),
    ]),
    set('route', `var(txn.path),${exact}`, unless),
    set('route', `var(txn.path),concat(/),${prefix}`, unless),
  ];
}

/** Who may come, and with what. A policy that is named and not there lets in nobody. */
function guards(dir: string): string[] {
  const who = `map_beg(${mapFile(dir, 'allow')}) -m found`;
  const credentials = `map_str(${mapFile(dir, 'users')}) -m found`;
  return [
    set('policy', route.policy),
    set('p', `var(txn.policy),map_str(${mapFile(dir, 'policies')})`, `if ${has(route.policy)}`),
    say(503, 'not ready', `if ${has(route.policy)} !${found('p')}`),
    // As many letters as an address of its family has, so that no other one begins alike.
    set('src', 'src,hex'),
    set('src', 'str(6),concat(,txn.src)', 'if { var(txn.src),length gt 8 }'),
    set('who', 'var(txn.policy),concat(/,txn.src)'),
    say(
      403,
      'client address is not allowed',
      `if ${is(policy.allow, 'a')} !{ var(txn.who),${who} }`,
    ),
    `http-request redirect scheme https code 308 if ${is(policy.redirect, 'r')} !{ ssl_fc }`,
    ...crossOrigin(dir),
    // Of IPv6 a client has a network of addresses.
    set('net', 'src,ipmask(32,64),hex'),
    set('client', 'var(txn.policy),concat(/,txn.net)'),
    `http-request track-sc0 var(txn.client) table clients if ${has(policy.rate)}`,
    set('rate', policy.rate),
    say(
      429,
      'too many requests',
      `if ${has(policy.rate)} { sc_http_req_rate(0,clients),sub(txn.rate) -m int gt 0 }`,
    ),
    set('secret', 'req.hdr(authorization),regsub("^basic +",,i),sha2(256),hex'),
    set('user', 'var(txn.policy),concat(/,txn.secret)'),
    say(
      401,
      'authentication required',
      `if ${is(policy.users, 'u')} !{ var(txn.user),${credentials} }`,
      'hdr WWW-Authenticate "Basic realm=\\"Ingress\\", charset=\\"UTF-8\\"" ',
    ),
    set('most', policy.body),
    say(
      413,
      'request body is too large',
      `if ${has(policy.body)} { req.body_size,sub(txn.most) -m int gt 0 }`,
    ),
    say(
      411,
      'Content-Length required',
      `if ${has(policy.body)} !{ req.hdr(content-length) -m found } ` +
        '!{ method GET HEAD OPTIONS DELETE }',
    ),
    say(
      411,
      'Content-Length required',
      `if ${has(policy.body)} { req.hdr(transfer-encoding) -m found }`,
    ),
  ];
}

/**
 * Whose pages may read the answers; a question of a browser whether it may ask is answered here.
 */
function crossOrigin(dir: string): string[] {
  const isOrigin = `map_str(${mapFile(dir, 'origins')}) -m found`;
  const asked = `{ method OPTIONS } { req.hdr(access-control-request-method) -m found }`;
  const on = is(policy.cors, 'c');
  return [
    set('origin', 'req.hdr(origin)', `if ${on}`),
    set('key', 'var(txn.policy),concat(/,txn.origin)', `if ${found('origin')}`),
    set('cors', 'var(txn.origin)', `if ${found('origin')} { var(txn.key),${isOrigin} }`),
    set(
      'cors',
      'str(*)',
      `if ${found('origin')} !${found('cors')} { var(txn.policy),concat(/*),${isOrigin} }`,
    ),
    `http-after-response del-header Access-Control-Allow-Origin if ${on} !${found('cors')}`,
    'http-after-response set-header Access-Control-Allow-Origin %[var(txn.cors)] if ' +
      found('cors'),
    'http-after-response set-header Access-Control-Allow-Credentials true if ' +
      `${found('cors')} ${is(policy.corsCredentials, 'y')}`,
    `http-after-response add-header Vary Origin if ${on}`,
    'http-request return status 204 ' +
      `hdr Access-Control-Allow-Methods "%[${policy.corsMethods}]" ` +
      `hdr Access-Control-Allow-Headers "%[${policy.corsHeaders}]" ` +
      `hdr Access-Control-Max-Age "%[${policy.corsSeconds}]" if ${found('cors')} ${asked}`,
  ];
}

/** Which endpoint, where that is chosen here: the one of the cookie while it lives, or any. */
function choice(dir: string): string[] {
  const pools = `map_str(${mapFile(dir, 'pools')})`;
  const pooled = `if ${has(route.pool)}`;
  const chosen = `${pooled} !${found('member')}`;
  return [
    set('pool', route.pool, pooled),
    set('cookie', `req.cook(${stickyCookie})`, `if ${is(policy.sticky, 's')}`),
    set('member', `var(txn.pool),concat(/e,txn.cookie),${pools}`, `${pooled} ${found('cookie')}`),
    set('new', 'bool(true)', `${chosen} ${is(policy.sticky, 's')}`),
    set('count', `var(txn.pool),concat(/n),${pools}`, chosen),
    set('i', 'rand,mod(txn.count)', `${chosen} ${found('count')}`),
    set('member', `var(txn.pool),concat(/i,txn.i),${pools}`, `${chosen} ${found('i')}`),
    set('ip', 'var(txn.member),field(1,|)', `if ${found('member')}`),
    set('port', 'var(txn.member),field(2,|)', `if ${found('member')}`),
    say(503, 'no endpoint is ready', chosen),
  ];
}

/** The elements that the rule matched make room for the new beginning of the path. */
function rewriting(): string[] {
  const rewrites = `if ${has(policy.rewrite)}`;
  const rest = Array.from({ length: longestRewritten + 1 }, (_, n) =>
    set('rest', `path,field(${n + 2},/,0)`, `${rewrites} ${is(route.elements, String(n))}`),
  );
  const left = '{ var(txn.rest),length -m int gt 0 }';
  return [
    ...rest,
    `http-request set-path %[${policy.rewrite},regsub(/$,)]/%[var(txn.rest)] ${rewrites} ${left}`,
    `http-request set-path %[${policy.rewrite}] ${rewrites} !${left}`,
  ];
}

/** A route of a Gateway comes before those of Ingresses. */
const gateways = (dir: string): string[] => [
  set('at', `so_id,mod(${ids6})`),
  'http-request lua.gateway if ' +
    `{ str(${anyEntry}),map_str(${mapFile(dir, 'gateway-hosts')}) -m found }`,
  `http-request wait-for-body time 5s if ${found('mirror')}`,
  `http-request lua.gateway-mirror if ${found('mirror')}`,
  `http-response lua.gateway-answer if ${found('answer')}`,
];

/** What every request meets: few rules, and the expensive ones only where a path asks for them. */
function rules(dir: string, lua: boolean): string[] {
  const { file, key } = logSwitch;
  return [
    `http-request set-log-level silent unless { str(${key}),map_str(${file(dir)}) -m found }`,
    set('host', 'req.hdr(host),host_only,lower'),
    set('path', 'path'),
    // As the backend will read it, so that no rule is walked around.
    set('path', 'path,url_dec,regsub(//+,/,g)', 'if { path -m sub % // }'),
    say(
      400,
      'path has . or .. elements',
      'if { var(txn.path) -m sub /. } { var(txn.path) -m reg (^|/)[.][.]?(/|$) }',
    ),
    ...(lua ? gateways(dir) : []),
    ...lookUps(dir),
    say(404, 'no Ingress and no Gateway matches this request', `unless ${found('route')}`),
    'http-request set-header X-Forwarded-Proto https if { ssl_fc }',
    'http-request set-header X-Forwarded-Proto http unless { ssl_fc }',
    'http-request set-header X-Forwarded-Host %[req.hdr(host)]',
    `http-request set-header Host %[var(txn.newhost)] if ${found('newhost')}`,
    'http-request set-header X-Real-IP %[src]',
    'http-request del-header X-Forwarded-For',
    'option forwardfor',
    `use_backend %[${route.backend}]`,
    `default_backend ${nobody}`,
  ];
}

/** The backend of a route whose target is not there. */
export const nobody = 'none';
/** The backend whose servers are made while it runs: each checks who answers as a policy says. */
export const checked = 'checked-full';
/** What the name of a backend ends with that asks for more of a request, or chooses endpoints. */
export const withPolicy = '-full';

/** What only routes meet that have a policy, or endpoints to choose from. */
const policyRules = (dir: string): string[] => [
  ...guards(dir),
  ...choice(dir),
  ...rewriting(),
  `http-response set-header Strict-Transport-Security max-age=%[${policy.hsts}] if { ssl_fc } ` +
    has(policy.hsts),
  `http-response add-header Set-Cookie "${stickyCookie}=%[var(txn.member),field(3,|)]; ` +
    `Path=%[${route.cookiePath}]; HttpOnly; SameSite=Lax" if ${found('new')}`,
  `http-request set-timeout server ${policy.timeout} if ${has(policy.timeout)}`,
];

/** How backends are spoken to. */
const servers = {
  h1: '',
  h2c: ' proto h2',
  https: ' ssl verify none sni var(txn.host)',
} satisfies Record<Protocol, string>;
const notFound =
  '  http-request return status 503 content-type text/plain string "service not found"';

/** As the common log format has it, with the name of the host, milliseconds and the target. */
const logFormat =
  '%ci - - [%tr] \\"%HM %[var(txn.host)]%HU %HV\\" %ST %B %Ta %[var(txn.ip)]:%[var(txn.port)]';

const metricsFrontend = (dir: string): string[] => [
  'frontend metrics',
  `  bind unix@${metricsSocket(dir)} mode 600`,
  '  http-request use-service prometheus-exporter if { path /metrics }',
  '  http-request return status 404',
];

/**
 * HAProxy's configuration. It never changes while it runs: routes are maps and certificates a list,
 * told over its socket, and every target is an address, mostly a Service's, behind which the kernel
 * knows the endpoints. Nothing of an object is in here.
 */
export function haproxyConfig({
  dir,
  httpPort,
  httpsPort,
  tcpPort,
  ipv6,
  lua,
  metrics,
}: Places & Abilities): string {
  const target = [`  ${set('ip', route.ip)}`, `  ${set('port', route.port)}`];
  const guarded = policyRules(dir).map((rule) => `  ${rule}`);
  const backend = (name: string, more: string | undefined, before: string[] = []): string[] => [
    `backend ${name}`,
    ...target,
    ...before,
    '  http-request set-dst var(txn.ip)',
    '  http-request set-dst-port var(txn.port)',
    `  http-request set-timeout server var(txn.wait) if ${found('wait')}`,
    // A request that may be sent twice is, when a connection that was kept has just ended.
    '  http-request disable-l7-retry unless { method GET HEAD OPTIONS }',
    '  retry-on conn-failure empty-response',
    ...(more === undefined ? [] : [`  server service 0.0.0.0:0${more}`]),
  ];
  const binds = (port: number | undefined, more = ''): string[] =>
    port === undefined
      ? []
      : [
          // What the script knows a listener by is its port.
          `  bind 0.0.0.0:${port} id ${port}${more}`,
          ...(ipv6 ? [`  bind :::${port} v6only id ${port + ids6}${more}`] : []),
        ];
  const tls = ` ssl crt-list ${certList(dir)} strict-sni`;
  const web = `${tls} alpn h2,http/1.1`;
  // A client that may name the original client has to.
  const proxies =
    '  tcp-request connection expect-proxy layer4 if ' +
    `{ src,map_ip(${mapFile(dir, 'proxies')}) -m found }`;
  const frontend = (name: string, own: string[]): string[] => [
    `frontend ${name}`,
    ...own,
    `  log ring@${logRing} len ${longestLogLine} format raw local0`,
    `  log-format "${logFormat}"`,
    '  option dontlognull',
    proxies,
    ...rules(dir, lua).map((rule) => `  ${rule}`),
  ];
  const streams = { dir, proxies, tls };
  const webBinds = [
    ...binds(httpPort),
    ...(httpsPort !== undefined && lua ? innerBind(dir, 'web', httpsPort, web) : []),
  ];
  return [
    'global',
    `  stats socket ${socketFile(dir)} mode 600 level admin`,
    '  stats timeout 24d',
    `  uid ${nobodyElse}`,
    `  gid ${nobodyElse}`,
    '  maxconn 8192',
    '  nbthread 1',
    `  tune.bufsize ${bufferBytes}`,
    '  ssl-default-bind-options ssl-min-ver TLSv1.2',
    // Another script makes another configuration.
    ...(lua ? [`  lua-load ${scriptFile(dir)}`, `  # ${hash(scriptOf(dir))}`] : []),
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 60s',
    '  timeout server 60s',
    '  timeout http-request 10s',
    '  timeout http-keep-alive 60s',
    '  timeout tunnel 1h',
    '  retries 3',
    '  option redispatch 1',
    '  option http-keep-alive',
    ...(tcpPort !== undefined && lua ? tcpFrontend(streams, binds(tcpPort)) : []),
    ...(webBinds.length > 0 ? frontend('web', webBinds) : []),
    ...(httpsPort === undefined ? [] : frontend('secure', binds(httpsPort, web))),
    ...(httpsPort !== undefined && lua
      ? streamFrontends({ ...streams, port: httpsPort, binds: binds(httpsPort) })
      : []),
    ...Object.entries(servers).flatMap(([name, more]) => [
      ...backend(name, more),
      ...backend(name + withPolicy, more, guarded),
    ]),
    ...backend(checked, undefined, [
      ...guarded,
      // No other server may stand in: they have no weight, so that only their name finds them.
      '  balance random',
      '  option persist',
      '  no option redispatch',
      `  ${set('server', route.server)}`,
      '  use-server %[var(txn.server)] if TRUE',
    ]),
    `backend ${nobody}`,
    notFound,
    `backend ${nobody}${withPolicy}`,
    ...guarded,
    notFound,
    ...(metrics ? metricsFrontend(dir) : []),
    `ring ${logRing}`,
    '  format raw',
    `  maxlen ${longestLogLine}`,
    `  size ${logRingBytes}`,
    'backend clients',
    '  stick-table type string len 64 size 100k expire 10s store http_req_rate(1s)',
    '',
  ].join('\n');
}
