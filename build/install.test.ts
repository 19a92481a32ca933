import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const script = readFileSync(join(import.meta.dirname, '../install.sh'), 'utf8');
/** The functions alone: what follows carries them out on this machine. */
const functions = script.slice(0, script.indexOf('\nmain() {'));
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'install-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Carries out `steps` as install.sh would with these arguments, with every folder below `dir`. */
function install(steps: string, args: string[], env: Record<string, string> = {}): string {
  writeFileSync(
    join(dir, 'install.sh'),
    `${functions}
from_k3s
known_variables
begin
bin_dir=${dir}/bin data_dir=${dir}/data run_dir=${dir}/run conf_dir=${dir}/etc
ledger=${dir}/ledger log_file=${dir}/skiff.log
source=checkout service=skiff changed=no init=none good=${dir}/etc/last-good kubeconfig=/etc/skiff/skiff.yaml
export INSTALL_SKIFF_SYSTEMD_DIR=${dir}
systemctl() { :; }
INSTALL_SKIFF_SKIP_ENABLE=true
mkdir -p ${dir}/data ${dir}/etc
choose "$@"
hide_secrets
${steps}
echo "work $work"
`,
  );
  const done = spawnSync('sh', [join(dir, 'install.sh'), ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  expect(done.stderr).toBe('');
  expect(done.status).toBe(0);
  return done.stdout;
}

const envFile = (): string => readFileSync(join(dir, 'etc/skiff.env'), 'utf8');
/** The environment as the supervisor's script reads it. */
function loaded(...names: string[]): (string | undefined)[] {
  const text = readFileSync(join(dir, 'data/skiff-supervise.sh'), 'utf8');
  const start = text.indexOf('load_environment() {');
  const reader = text.slice(start, text.indexOf('\nmkdir', start));
  const done = spawnSync('sh', ['-c', `${reader}\nenv -0`], { encoding: 'utf8' });
  expect(done.stderr).toBe('');
  const all = new Map(
    done.stdout
      .split('\0')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  return names.map((name) => all.get(name));
}

describe('secrets among the flags', () => {
  const args = [
    'server',
    '--token',
    'S3CRET one',
    '--datastore-endpoint=postgres://u:S3CRET@host/db',
    '--node-label',
    "a=b'c",
  ];
  test.each(['systemd_unit', 'supervisor_script', 'openrc_unit'])(
    'are in no file that others can read: %s',
    (unit) => {
      // OpenRC's folder is the machine's own.
      install(
        'environment\nplace_environment\n' +
          `${unit === 'openrc_unit' ? `place() { cp "$1" "${dir}/\${2##*/}"; }\n` : ''}${unit}`,
        args,
      );
      const listed = spawnSync('find', [dir, '-type', 'f', '-perm', '/044'], { encoding: 'utf8' })
        .stdout.trim()
        .split('\n')
        .filter((path) => !path.endsWith('install.sh'));
      expect(listed.length).toBeGreaterThan(0);
      for (const path of listed) expect(readFileSync(path, 'utf8'), path).not.toContain('S3CRET');
      expect(statSync(join(dir, 'etc/skiff.env')).mode & 0o777).toBe(0o600);
      expect(statSync(join(dir, 'etc/install.args')).mode & 0o777).toBe(0o600);
    },
  );

  test('reach the service by its environment, and stay when it is installed again', () => {
    install('environment\nplace_environment\nsupervisor_script', args, {
      SKIFF_DEBUG: 'true',
      SKIFF_TOKEN: 'other',
    });
    expect(loaded('SKIFF_TOKEN', 'SKIFF_DATASTORE_ENDPOINT', 'SKIFF_DEBUG')).toEqual([
      'S3CRET one',
      'postgres://u:S3CRET@host/db',
      'true',
    ]);
    expect(envFile().match(/SKIFF_TOKEN/g)?.length).toBe(1);
    install('environment\nplace_environment\nsupervisor_script', []);
    expect(loaded('SKIFF_TOKEN', 'SKIFF_DEBUG')).toEqual(['S3CRET one', 'true']);
  });

  test('other flags stay flags, word for word', () => {
    const odd = [
      'server',
      '--node-label',
      'a b',
      '--node-taint',
      `x='"$(touch ${dir}/made)"\`touch ${dir}/made\`\\%n`,
    ];
    install('environment\nplace_environment\nsystemd_unit\nsupervisor_script', odd);
    const supervise = readFileSync(join(dir, 'data/skiff-supervise.sh'), 'utf8');
    const words = /skiff server (.*) &$/m.exec(supervise)?.[1] ?? '';
    expect(
      spawnSync('sh', ['-c', `printf '%s\\n' ${words}`], { encoding: 'utf8' })
        .stdout.trimEnd()
        .split('\n'),
    ).toEqual(odd.slice(1));
    expect(readFileSync(join(dir, 'skiff.service'), 'utf8')).toContain(
      `"x='\\"$$(touch ${dir}/made)\\"\`touch ${dir}/made\`\\\\%%n"`,
    );
    expect(existsSync(join(dir, 'made'))).toBe(false);
  });
});

test.each<[string[], Record<string, string>, string, string]>([
  [['server'], {}, '', 'no'],
  [['server', '--cluster-init'], {}, '', 'yes'],
  [['server', '--cluster-init=false'], {}, '', 'no'],
  [['server'], { SKIFF_CLUSTER_INIT: 'true' }, '', 'yes'],
  [['server'], {}, 'cluster-init: true\n', 'yes'],
  [['server', '--server', 'https://192.0.2.1:6443'], {}, '', 'yes'],
  [['server', '--server=https://192.0.2.1:6443'], {}, '', 'yes'],
  [['agent', '--server', 'https://192.0.2.1:6443'], {}, '', 'no'],
])('etcd is brought where it is needed: %j %j %j', (args, env, config, expected) => {
  expect(
    install(
      `printf '${config}' >${dir}/etc/config.yaml; if wants_etcd; then echo yes; else echo no; fi`,
      args,
      env,
    ).split('\n')[0],
  ).toBe(expected);
});

test('its folders are where the command line, the environment or config.yaml say', () => {
  const at = (args: string[], env: Record<string, string> = {}, config = ''): string =>
    install(
      `printf '${config}' >${dir}/etc/config.yaml; places; echo "$data_dir $run_dir $kubeconfig"`,
      args,
      env,
    ).split('\n')[0] ?? '';
  expect(at(['server'])).toBe('/var/lib/skiff /run/skiff /etc/skiff/skiff.yaml');
  expect(at(['server', '-d', '/a b', '--run-dir=/r', '-o', '/k'], { SKIFF_DATA_DIR: '/env' })).toBe(
    '/a b /r /k',
  );
  expect(at(['server'], { SKIFF_DATA_DIR: '/env' }, 'data-dir: /file\n')).toBe(
    '/env /run/skiff /etc/skiff/skiff.yaml',
  );
  expect(at(['server'], {}, 'data-dir: "/from/file" # here\nwrite-kubeconfig: /k.yaml\n')).toBe(
    '/from/file /run/skiff /k.yaml',
  );
});

test('a link is made to what is there, and an old one to what is not is taken away', () => {
  const links = `PATH=${dir}/bin:/usr/bin:/bin; binary=/bin/true
mkdir -p ${dir}/bin; ln -s skiff ${dir}/bin/crictl
command() { [ "$2" = kubectl ] && return 1; builtin_command "$@"; }
builtin_command() { type "$2" >/dev/null 2>&1 && which "$2"; }
executables; ls ${dir}/bin`;
  expect(
    install(links, ['server'])
      .split('\n')
      .filter((name) => /^(kubectl|crictl)$/.test(name)),
  ).toEqual(['kubectl']);
});

test('Helm is put beside a server that has none; nothing restarts, and another stays', () => {
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const files = (command: string, more = ''): string =>
    install(
      `PATH=${dir}/path:/usr/bin:/bin; here=${dir}/src; uname() { echo ${machine}; }
mkdir -p ${dir}/path $here/dist; echo helm >$here/dist/helm-9-${process.arch}; binary=/bin/true
rm -rf ${dir}/data/bin; ${more}
place_helm; echo "changed $changed"; ls ${dir}/data/bin 2>/dev/null || true
executables; readlink ${dir}/bin/helm || echo no link`,
      [command],
      { SKIFF_URL: command === 'agent' ? 'https://a:6443' : '', SKIFF_TOKEN: 't' },
    );
  expect(files('server')).toMatch(/^changed no\nhelm\nskiff$/m);
  expect(files('agent')).toMatch(/^changed no\nno link$/m);
  const own = `printf '#!/bin/sh\\n' >${dir}/path/helm; chmod 755 ${dir}/path/helm`;
  expect(files('server', own)).toMatch(/^changed no\nno link$/m);
});

test('whoever cannot build is told before anything is installed', () => {
  const steps = (command: string): string =>
    `here=${dir}/src; mkdir -p $here; : >$here/package.json; sources() { echo x; }; ` +
    `${command}; (can_build) 2>&1 || echo refused`;
  expect(install(steps('command() { [ "$2" != npm ]; }'), ['server'])).toContain(
    'npm is needed to build: install Node.js 18 or newer with npm\nrefused',
  );
  expect(install(steps('command() { :; }; node() { echo 16; }'), ['server'])).toMatch(
    /Node.js 18 or newer is needed to build; this is 16\nrefused/,
  );
  expect(install(steps('command() { :; }; node() { echo 18; }'), ['server'])).not.toContain(
    'refused',
  );
  expect(script.indexOf('\n  can_build\n')).toBeLessThan(script.indexOf('\n  packages\n'));
  expect(script.indexOf('\n  can_build\n')).toBeGreaterThan(0);
});

test('one statement says which Node builds', () => {
  const { engines } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'),
  ) as { engines: { node: string } };
  const least = /^>=(\d+)$/.exec(engines.node)?.[1] ?? 'none';
  const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
  expect(
    [...`${script}${readme}`.matchAll(/Node\.js (\d+) or newer/g)].map((found) => found[1]),
  ).toEqual([least, least, least]);
});

test('a variable of the installer that is spelt wrong is told', () => {
  expect(
    install('', ['server'], { INSTALL_SKIFF_SKIP_STRAT: 'true', INSTALL_K3S_VERSION: 'v1' }),
  ).toMatch(
    /INSTALL_K3S_VERSION has no effect here[\s\S]*INSTALL_SKIFF_SKIP_STRAT has no effect here/,
  );
});

test('the environment file is data: nothing in it is run', () => {
  const odd = {
    SKIFF_A: `$(touch ${dir}/made)`,
    SKIFF_B: '`touch x`; "q" \\ \'s\' $HOME #c',
    HTTPS_PROXY: 'http://u:p@h:1/?a=b',
  };
  install('environment\nplace_environment\nsupervisor_script', ['server'], odd);
  expect(loaded('SKIFF_A', 'SKIFF_B', 'HTTPS_PROXY')).toEqual(Object.values(odd));
  writeFileSync(
    join(dir, 'etc/skiff.env'),
    `touch ${dir}/made\nSKIFF_C=plain $(touch ${dir}/made)\n1BAD=x\nA-B=x\nSKIFF_D=last`,
  );
  expect(loaded('SKIFF_C', 'SKIFF_D', '1BAD')).toEqual([
    `plain $(touch ${dir}/made)`,
    'last',
    undefined,
  ]);
  expect(existsSync(join(dir, 'made'))).toBe(false);
});

test('nothing is written at a name that can be guessed, and nothing is left', () => {
  expect(functions).not.toMatch(/\/tmp\//);
  const work =
    /^work (.*)$/m.exec(
      install('environment\nplace_environment\nsupervisor_script', ['server']),
    )?.[1] ?? '';
  expect(work).not.toBe('');
  expect(existsSync(work)).toBe(false);
  expect(statSync(join(dir, 'skiff.log')).mode & 0o777).toBe(0o600);
});

test('a link in the place of a new file is not followed', () => {
  install(
    `: >${dir}/victim; ln -s ${dir}/victim ${dir}/etc/skiff.env.new\nenvironment\n` +
      'place_environment',
    ['server', '--token', 'x'],
  );
  expect(readFileSync(join(dir, 'victim'), 'utf8')).toBe('');
});

test('every package of the lock is held to its content', () => {
  const lock = JSON.parse(
    readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8'),
  ) as { packages: Record<string, { integrity?: string; link?: boolean }> };
  const loose = Object.entries(lock.packages).filter(
    ([name, { integrity, link }]) => name !== '' && !link && !integrity?.startsWith('sha512-'),
  );
  expect(loose.map(([name]) => name)).toEqual([]);
});
