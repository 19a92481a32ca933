import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  lstatSync,
  writeFileSync,
  rmSync,
  mkdtempSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageArchive, type Entry, type ImageConfig } from '../../images/archive.ts';
import { ok, root, run } from './node.ts';

/** Where built images are kept between runs. */
const cache = join(root, 'node_modules/.cache/skiff-e2e-images');

/** All files below a folder, as entries of a layer. */
function entriesOf(folder: string, at = ''): Entry[] {
  return readdirSync(join(folder, at)).flatMap((name): Entry[] => {
    const path = at ? `${at}/${name}` : name;
    const stat = lstatSync(join(folder, path));
    const common = { path, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
    if (stat.isSymbolicLink()) return [{ ...common, link: readlinkSync(join(folder, path)) }];
    if (stat.isDirectory()) return [{ ...common, directory: true }, ...entriesOf(folder, path)];
    return stat.isFile() ? [{ ...common, data: readFileSync(join(folder, path)) }] : [];
  });
}

const users: Entry[] = [
  { path: 'etc', directory: true },
  { path: 'tmp', directory: true, mode: 0o1777 },
  {
    path: 'etc/passwd',
    data:
      'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n' +
      'nobody:x:65534:65534:nobody:/:/bin/sh\n',
  },
  { path: 'etc/group', data: 'root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n' },
  { path: 'etc/nsswitch.conf', data: 'hosts: files dns\n' },
];

function build(
  file: string,
  name: string,
  make: () => { entries: Entry[]; config: ImageConfig },
): string {
  const path = join(cache, file);
  if (!existsSync(path)) {
    const { entries, config } = make();
    mkdirSync(cache, { recursive: true });
    writeFileSync(
      path,
      imageArchive({ name, arch: process.arch, layers: [[...users, ...entries]], config }),
    );
  }
  return path;
}

/** busybox with its applets, from Debian's busybox-static. */
export function busybox(): string {
  return build('busybox.tar', 'docker.io/library/busybox:test', () => {
    const binary = readFileSync('/bin/busybox');
    const applets = ok(['/bin/busybox', '--list'])
      .split('\n')
      .filter((a) => a && a !== 'busybox');
    const links = applets.map((a) => ({ path: `bin/${a}`, link: 'busybox' }));
    return {
      entries: [
        { path: 'bin', directory: true },
        { path: 'bin/busybox', data: binary, mode: 0o755 },
        ...links,
      ],
      config: { cmd: ['sh'] },
    };
  });
}

/** The lists of packages are there. */
function askFor(name: string): void {
  if (run(['apt-cache', 'show', name]).code !== 0)
    ok(['apt-get', 'update', '-qq'], { timeoutMs: 300_000 });
}

/** A Debian package and what it needs, unpacked (not configured) into a root. */
function debian(packages: string[]): Entry[] {
  const folder = mkdtempSync(join(tmpdir(), 'skiff-image-'));
  try {
    askFor(packages[0] as string);
    const listed = ok([
      'apt-cache',
      'depends',
      '--recurse',
      '--no-recommends',
      '--no-suggests',
      '--no-conflicts',
      '--no-breaks',
      '--no-replaces',
      '--no-enhances',
      ...packages,
    ]);
    const names = [...new Set(listed.split('\n').filter((l) => /^[a-z0-9]/.test(l)))].filter(
      (n) =>
        packages.includes(n) ||
        !/^(debconf|dpkg|perl|perl-base|init-system-helpers|systemd|adduser|passwd|tar|libpam.*|libaudit.*)$/.test(
          n,
        ),
    );
    ok([
      'bash',
      '-c',
      'cd "$0" && mkdir debs root && cd debs && apt-get download -qq "$@" >/dev/null 2>&1; ' +
        'ls *.deb >/dev/null',
      folder,
      ...names,
    ]);
    ok([
      'bash',
      '-c',
      'for f in "$0"/debs/*.deb; do dpkg -x "$f" "$0/root"; done; rm -rf ' +
        '"$0"/root/usr/share/{doc,man,locale,info,lintian}',
      folder,
    ]);
    const entries = entriesOf(join(folder, 'root'));
    // Since Debian 13 packages have nothing outside /usr: programs look for their loader in /lib64.
    const merged = ['bin', 'sbin', 'lib', 'lib64'].filter(
      (name) =>
        entries.some(({ path }) => path === `usr/${name}`) &&
        !entries.some(({ path }) => path === name),
    );
    return [...entries, ...merged.map((path) => ({ path, link: `usr/${path}` }))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** nginx that serves /usr/share/nginx/html on port 80, from Debian's nginx-light. */
export function nginx(): string {
  return build('nginx.tar', 'docker.io/library/nginx:test', () => {
    const conf =
      'error_log stderr;\nuser www-data;\nevents {}\nhttp { access_log /dev/stdout; server { ' +
      'listen 80; root /usr/share/nginx/html; } }\n';
    const html = 'Welcome to nginx\n';
    const entries = debian(['nginx-light', 'dash', 'coreutils', 'libc-bin']).filter(
      (e) => e.path !== 'etc/nginx/nginx.conf',
    );
    const dirs = [
      'run',
      'var',
      'var/log',
      'var/log/nginx',
      'var/lib',
      'var/lib/nginx',
      'usr/share/nginx',
      'usr/share/nginx/html',
    ].filter((d) => !entries.some((e) => e.path === d));
    return {
      entries: [
        ...entries,
        ...dirs.map((path) => ({ path, directory: true })),
        { path: 'etc/nginx/nginx.conf', data: conf },
        { path: 'usr/share/nginx/html/index.html', data: html },
      ],
      config: { cmd: ['/usr/sbin/nginx', '-g', 'daemon off;'], exposedPorts: ['80/tcp'] },
    };
  });
}

/** Redis that keeps an append-only file in /data, from Debian's redis-server. */
export function redis(): string {
  return build('redis.tar', 'docker.io/library/redis:test', () => ({
    entries: [
      ...debian(['redis-server', 'dash', 'coreutils', 'libc-bin']).filter(
        ({ path }) => path !== 'data',
      ),
      { path: 'data', directory: true, mode: 0o777 },
    ],
    config: {
      cmd: [
        '/usr/bin/redis-server',
        '--dir',
        '/data',
        '--appendonly',
        'yes',
        '--appendfsync',
        'always',
        '--protected-mode',
        'no',
      ],
      exposedPorts: ['6379/tcp'],
    },
  }));
}

/** PostgreSQL that makes its database in $PGDATA when there is none, as nobody; from Debian. */
export function postgres(): string {
  return build('postgres.tar', 'docker.io/library/postgres:test', () => {
    askFor('postgresql');
    const version = /postgresql-(\d+)/.exec(ok(['apt-cache', 'depends', 'postgresql']))?.[1];
    const bin = `/usr/lib/postgresql/${version}/bin`;
    const start =
      `#!/bin/sh\nset -e\n[ -s "$PGDATA/PG_VERSION" ] || ${bin}/initdb -U app --auth=trust ` +
      `-D "$PGDATA" >&2\nexec ${bin}/postgres -D "$PGDATA" -c listen_addresses='*' ` +
      '-c hba_file=/etc/pg_hba.conf -c unix_socket_directories=/tmp -c jit=off ' +
      '-c log_timezone=UTC -c timezone=UTC\n';
    // What compiles queries, other languages and Perl are large and not needed.
    const large = /libLLVM|libz3|\/bitcode\/|^usr\/lib\/locale|^usr\/share\/i18n|perl/;
    const entries = debian([
      `postgresql-${version}`,
      'dash',
      'coreutils',
      'libc-bin',
      'libpam0g',
      'libaudit1',
    ]).filter(({ path }) => !large.test(path) && path !== 'tmp');
    return {
      entries: [
        ...entries,
        { path: 'usr/local/bin/start-postgres', data: start, mode: 0o755 },
        { path: 'etc/pg_hba.conf', data: 'host all all all trust\n' },
      ],
      config: {
        cmd: ['/usr/local/bin/start-postgres'],
        env: [`PATH=${bin}:/usr/local/bin:/usr/bin:/bin`, 'PGDATA=/data/pg', 'LANG=C'],
        user: '65534:65534',
        exposedPorts: ['5432/tcp'],
      },
    };
  });
}
