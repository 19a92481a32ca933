import { describe, expect, it, test } from 'vitest';
import type { Secret } from '../../api/generated/types/core-v1.ts';
import { upgradeCalls } from './calls.ts';
import type { HelmChart, HelmChartConfig, HelmChartSpec } from './chart.ts';
import { wishOf, type Referred, type Wish } from './wish.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const secret = (data: Record<string, string>): Secret =>
  ({
    metadata: {},
    data: Object.fromEntries(Object.entries(data).map(([k, v]) => [k, base64(v)])),
  }) as Secret;
const chartOf = (spec: HelmChartSpec, name = 'web'): HelmChart => ({
  apiVersion: 'helm.cattle.io/v1',
  kind: 'HelmChart',
  metadata: { name, namespace: 'home' },
  spec,
});
const referred = (over: Partial<Referred> = {}): Referred => ({
  secret: () => undefined,
  configMap: () => undefined,
  api: { address: '127.0.0.1:6443', ca: 'CA' },
  ...over,
});
const wish = (
  spec: HelmChartSpec,
  over?: Partial<Referred>,
  config?: HelmChartConfig['spec'],
): Wish =>
  wishOf(
    chartOf(spec),
    config && { ...chartOf({}), kind: 'HelmChartConfig', spec: config },
    referred(over),
  );
const repo = 'https://charts.example';
const words = (spec: HelmChartSpec, over?: Partial<Referred>): string[] =>
  upgradeCalls(wish(spec, over)).at(-1)!.args;

test.each<[what: string, spec: HelmChartSpec, message: RegExp]>([
  ['nothing', {}, /a name, a URL or chartContent/],
  ['a path', { chart: '/etc' }, /not a name/],
  ['a path below', { chart: './x' }, /not a name/],
  ['an option', { chart: '--post-renderer=x', repo }, /not a name/],
  ['a file', { chart: 'file:///etc/x.tgz' }, /not a name/],
  ['no repository', { chart: 'x' }, /repo/],
  ['a path as repository', { chart: 'x', repo: '/srv' }, /not an http/],
  ['a line break in it', { chart: 'x', repo: 'https://a\nb' }, /not an http/],
  ['content that is not an archive', { chartContent: base64('text') }, /no|not a packaged/],
  ['a namespace that is none', { chart: 'x', repo, targetNamespace: '--all' }, /not a name/],
  ['a time that is none', { chart: 'x', repo, timeout: '5 minutes' }, /not a duration/],
  ['a policy that is none', { chart: 'x', repo, failurePolicy: 'x' }, /failurePolicy/],
  ['a Secret that is not there', { chart: 'x', repo, valuesSecrets: [{ name: 's' }] }, /no Secret/],
  [
    'a password for a bare URL',
    { chart: `${repo}/x.tgz`, authSecret: { name: 's' } },
    /authSecret/,
  ],
])('refuses %s', (_what, spec, message) => {
  expect(() => wish(spec)).toThrow(message);
});

test('a name that Helm does not take is refused', () => {
  const long = chartOf({ chart: 'x', repo }, 'n'.repeat(54));
  expect(() => wishOf(long, undefined, referred())).toThrow(/53/);
});

describe('what is wished', () => {
  const values = { v: secret({ b: 'from: b', a: 'from: a' }), c: secret({ k: 'from: config' }) };
  const lookup = (name: string): Secret | undefined => (values as Record<string, Secret>)[name];

  it('has values in the order of k3s, and --set after them', () => {
    const found = wish(
      {
        chart: 'x',
        repo,
        valuesContent: 'from: chart',
        valuesSecrets: [{ name: 'v' }],
        set: { n: 7, t: 'true', s: 'a,b', 'x.y': '07' },
      },
      { secret: lookup },
      { valuesContent: 'from: other', valuesSecrets: [{ name: 'c', keys: ['k'] }] },
    );
    expect(found.values).toEqual([
      'from: chart',
      'from: a',
      'from: b',
      'from: other',
      'from: config',
    ]);
    expect(upgradeCalls(found)[0]?.args.filter((one) => one.startsWith('--set'))).toEqual([
      '--set=n=7',
      '--set-string=s=a\\,b',
      '--set=t=true',
      '--set-string=x.y=07',
    ]);
  });

  it('is another when values change, and not when only the way to it does', () => {
    const spec: HelmChartSpec = { chart: 'x', repo, valuesSecrets: [{ name: 'v' }] };
    const { hash } = wish(spec, { secret: lookup });
    expect(wish({ ...spec, timeout: '1h', backOffLimit: 1 }, { secret: lookup }).hash).toBe(hash);
    expect(wish({ ...spec, version: '2' }, { secret: lookup }).hash).not.toBe(hash);
    const changed = { secret: () => secret({ a: 'other' }) };
    expect(wish(spec, changed).hash).not.toBe(hash);
    const ignoring = { ...spec, valuesSecrets: [{ name: 'v', ignoreUpdates: true }] };
    expect(wish(ignoring, changed).hash).toBe(wish(ignoring, { secret: lookup }).hash);
  });

  it('reads times as Go writes them', () => {
    const of = (timeout: string): number => wish({ chart: 'x', repo, timeout }).timeoutMs;
    expect([of('5m0s'), of('1h'), of('90s'), of('0s'), of('999h')]).toEqual([
      300_000,
      3_600_000,
      90_000,
      1000,
      24 * 3_600_000,
    ]);
  });

  it('finds the charts of the server itself', () => {
    const found = wish({ chart: 'https://%{KUBERNETES_API}%/static/charts/x.tgz' });
    expect(found.source).toEqual({
      kind: 'url',
      url: 'https://127.0.0.1:6443/static/charts/x.tgz',
    });
    expect(found.caPem).toBe('CA');
  });
});

describe('the words for Helm', () => {
  it('hold no password and no value that could pass for an option', () => {
    const door = secret({ username: 'ann', password: 's3cret' });
    const calls = upgradeCalls(
      wish(
        { chart: 'x', repo, authSecret: { name: 'door' }, version: '--help', set: { a: '--help' } },
        { secret: () => door },
      ),
    );
    expect(calls.map((one) => one.args[0])).toEqual(['repo', 'upgrade']);
    const said = calls.flatMap((one) => one.args);
    expect(said.join(' ')).not.toContain('s3cret');
    expect(said.filter((one) => one === '--help')).toEqual([]);
    expect(String(calls[1]?.files['repositories.yaml'])).toContain('s3cret');
    expect(said.at(-1)).toBe('chart-repository/x');
  });

  it('take an archive from a file', () => {
    const archive = Buffer.from([0x1f, 0x8b, 8, 0]);
    const found = wish({ chartContent: archive.toString('base64'), repo });
    const call = upgradeCalls(found)[0];
    expect(call?.args.slice(-3)).toEqual(['--', 'web', './chart.tgz']);
    expect(call?.files['chart.tgz']).toEqual(archive);
  });

  it('put a registry together, and keep programs for credentials away', () => {
    const docker = secret({
      '.dockerconfigjson': JSON.stringify({
        auths: { 'https://r.example/v1/': { username: 'u', password: 'p' }, 'a b': { auth: 'x' } },
        credsStore: 'evil',
        credHelpers: { 'r.example': 'evil' },
      }),
    });
    const spec = {
      chart: 'x',
      repo: 'oci://r.example/charts/',
      dockerRegistrySecret: { name: 'd' },
    };
    const call = upgradeCalls(wish(spec, { secret: () => docker }))[0];
    expect(call?.args.at(-1)).toBe('oci://r.example/charts/x');
    expect(JSON.parse(String(call?.files['registry.json']))).toEqual({
      auths: { 'r.example': { auth: base64('u:p') } },
    });
  });

  it('pass on what was asked for', () => {
    expect(
      words({
        chart: 'x',
        repo,
        version: '1.x',
        targetNamespace: 'shop',
        createNamespace: true,
        takeOwnership: true,
        forceConflicts: true,
        serverSide: true,
        plainHTTP: true,
        insecureSkipTLSVerify: true,
        authPassCredentials: true,
        repoCA: 'PEM',
        timeout: '10m',
      }),
    ).toEqual(
      expect.arrayContaining([
        '--namespace=shop',
        '--create-namespace',
        '--take-ownership',
        '--force-conflicts',
        '--server-side=true',
        '--plain-http',
        '--insecure-skip-tls-verify',
        '--pass-credentials',
        '--ca-file=ca.crt',
        '--version=1.x',
        `--repo=${repo}`,
        '--timeout=600s',
      ]),
    );
  });
});
