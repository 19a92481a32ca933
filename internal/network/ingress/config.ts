/** Where HAProxy of this node keeps what it is told; all names are ours. */
export interface Places {
  /** Below it: `haproxy.cfg`, `admin.sock`, `exact.map`, `prefix.map`, `certs.list`, `certs/`. */
  dir: string;
  httpPort: number;
  httpsPort: number;
}

export const mapFile = (dir: string, name: 'exact' | 'prefix'): string => `${dir}/${name}.map`;
export const certList = (dir: string): string => `${dir}/certs.list`;
export const socketFile = (dir: string): string => `${dir}/admin.sock`;

/** HAProxy takes commands up to this size; a table is told in pieces. */
export const bufferBytes = 32_768;

const field = (n: number): string => `var(txn.route),field(${n},|)`;
const unrouted = 'unless { var(txn.route) -m found }';

/** The maps are asked for the host, then for `*` in the place of its first label, then for any. */
function lookUps(dir: string): string[] {
  const keys = [
    'var(txn.host),concat(,txn.path)',
    'var(txn.host),regsub(^[^.]*,*),concat(,txn.path)',
    'var(txn.path)',
  ];
  return keys.flatMap((key) => [
    `http-request set-var(txn.key) ${key} ${unrouted}`,
    `http-request set-var(txn.route) var(txn.key),map_str(${mapFile(dir, 'exact')}) ${unrouted}`,
    `http-request set-var(txn.keys) var(txn.key),concat(/) ${unrouted}`,
    `http-request set-var(txn.route) var(txn.keys),map_beg(${mapFile(dir, 'prefix')}) ${unrouted}`,
  ]);
}

/**
 * HAProxy's configuration. It never changes while it runs: routes are maps and certificates a list,
 * told over its socket, and every target is a Service's address, behind which the kernel knows the
 * endpoints. Nothing of an object is in here.
 */
export function haproxyConfig({ dir, httpPort, httpsPort }: Places): string {
  const rules = [
    'http-request set-var(txn.host) req.hdr(host),host_only,lower',
    'http-request set-var(txn.path) path',
    ...lookUps(dir),
    'http-request return status 404 content-type text/plain string "no Ingress routes this" ' +
      unrouted,
    `http-request redirect scheme https code 308 if { ${field(4)} -m str r } !{ ssl_fc }`,
    'http-request return status 503 content-type text/plain string "no Service is there" if ' +
      `{ ${field(1)} -m str - }`,
    'http-request set-header X-Forwarded-Proto https if { ssl_fc }',
    'http-request set-header X-Forwarded-Proto http unless { ssl_fc }',
    'http-request set-header X-Forwarded-Host %[req.hdr(host)]',
    'http-request del-header X-Forwarded-For',
    'option forwardfor',
    `use_backend h2c if { ${field(3)} -m str h2c }`,
    'default_backend h1',
  ];
  const backend = (name: string, more: string): string[] => [
    `backend ${name}`,
    `  http-request set-dst ${field(1)}`,
    `  http-request set-dst-port ${field(2)}`,
    `  server service 0.0.0.0:0${more}`,
  ];
  return [
    'global',
    `  stats socket ${socketFile(dir)} mode 600 level admin`,
    '  uid 65534',
    '  gid 65534',
    '  maxconn 8192',
    '  nbthread 1',
    `  tune.bufsize ${bufferBytes}`,
    '  ssl-default-bind-options ssl-min-ver TLSv1.2',
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
    'frontend web',
    `  bind 0.0.0.0:${httpPort}`,
    `  bind 0.0.0.0:${httpsPort} ssl crt-list ${certList(dir)} strict-sni alpn h2,http/1.1`,
    ...rules.map((rule) => `  ${rule}`),
    ...backend('h1', ''),
    ...backend('h2c', ' proto h2'),
    '',
  ].join('\n');
}
