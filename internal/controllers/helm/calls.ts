import type { Wish } from './wish.ts';

/** One start of Helm: words for it, and files beside it. */
export interface HelmCall {
  args: string[];
  /** In its own folder, which is also where it starts; only it may read them. */
  files: Record<string, string | Uint8Array>;
  /** After this it is ended. */
  timeoutMs: number;
}

/** The label of a release that says what it was made of. */
export const hashLabel = 'helmcharts.helm.cattle.io/config-hash';

/** How many revisions Helm keeps. */
const historyMax = 10;
/** What Helm needs beside the time that it waits for the cluster: to fetch and to render. */
const graceMs = 120_000;
const repository = 'chart-repository';
const archiveFile = 'chart.tgz';
const caFile = 'ca.crt';
const repositoriesFile = 'repositories.yaml';
const registriesFile = 'registry.json';

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)}s`;

/**
 * Install or upgrade. Every value stands behind a `=` or the `--`, so that none can pass for an
 * option, and none goes through a shell. Passwords go through files: words of a program are read by
 * everybody on the machine.
 */
export function upgradeCalls(wish: Wish): HelmCall[] {
  const timeoutMs = wish.timeoutMs + graceMs;
  const values = wish.values.map((text, i) => [`values-${i}.yaml`, text] as const);
  const files = { ...filesOf(wish), ...Object.fromEntries(values) };
  const { source } = wish;
  const args = [
    'upgrade',
    '--install',
    `--namespace=${wish.namespace}`,
    `--history-max=${historyMax}`,
    `--timeout=${seconds(wish.timeoutMs)}`,
    `--labels=${hashLabel}=${wish.hash}`,
    '--hide-notes',
    ...(wish.createNamespace ? ['--create-namespace'] : []),
    ...(wish.takeOwnership ? ['--take-ownership'] : []),
    ...(wish.forceConflicts ? ['--force-conflicts'] : []),
    ...(wish.serverSide === undefined ? [] : [`--server-side=${wish.serverSide}`]),
    ...(wish.version === undefined ? [] : [`--version=${wish.version}`]),
    ...(source.kind === 'repository' && !wish.basic ? [`--repo=${source.repo}`] : []),
    ...(wish.caPem === undefined ? [] : [`--ca-file=${caFile}`]),
    ...(wish.plainHttp ? ['--plain-http'] : []),
    ...(wish.skipTlsVerify ? ['--insecure-skip-tls-verify'] : []),
    ...(wish.passCredentials ? ['--pass-credentials'] : []),
    ...values.map(([file]) => `--values=${file}`),
    ...wish.set.map(({ key, value, typed }) => `--set${typed ? '' : '-string'}=${key}=${value}`),
    '--',
    wish.name,
    chartOf(wish),
  ];
  const update = { args: ['repo', 'update'], files, timeoutMs: graceMs };
  return [
    ...(source.kind === 'repository' && wish.basic ? [update] : []),
    { args, files, timeoutMs },
  ];
}

export function uninstallCall(release: {
  name: string;
  namespace: string;
  timeoutMs: number;
}): HelmCall {
  const { name, namespace, timeoutMs } = release;
  return {
    args: [
      'uninstall',
      `--namespace=${namespace}`,
      `--timeout=${seconds(timeoutMs)}`,
      '--ignore-not-found',
      '--',
      name,
    ],
    files: {},
    timeoutMs: timeoutMs + graceMs,
  };
}

function chartOf({ source, basic }: Wish): string {
  if (source.kind === 'content') return `./${archiveFile}`;
  if (source.kind !== 'repository') return source.url;
  return basic ? `${repository}/${source.chart}` : source.chart;
}

function filesOf(wish: Wish): HelmCall['files'] {
  const { source, basic, registries, caPem } = wish;
  return {
    ...(source.kind === 'content' && { [archiveFile]: source.archive }),
    ...(caPem !== undefined && { [caFile]: caPem }),
    ...(registries && { [registriesFile]: JSON.stringify({ auths: registries }) }),
    ...(source.kind === 'repository' &&
      basic && {
        // JSON is YAML.
        [repositoriesFile]: JSON.stringify({
          apiVersion: '',
          generated: '1970-01-01T00:00:00Z',
          repositories: [
            {
              name: repository,
              url: source.repo,
              ...basic,
              pass_credentials_all: wish.passCredentials,
              insecure_skip_tls_verify: wish.skipTlsVerify,
              ...(caPem !== undefined && { caFile }),
            },
          ],
        }),
      }),
  };
}
