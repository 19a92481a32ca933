import { createHash } from 'node:crypto';
import type { ConfigMap, Secret } from '../../api/generated/types/core-v1.ts';
import { own, table } from '../../base/own.ts';
import type { HelmChart, HelmChartConfig, HelmChartSpec, ValuesSecret } from './chart.ts';

/** Why a chart is not even tried: its maker has to change something. */
export class Refused extends Error {}

/** What is wished of Helm, checked and with everything that the chart refers to. */
export interface Wish {
  name: string;
  namespace: string;
  createNamespace: boolean;
  source: ChartSource;
  version: string | undefined;
  /** YAML texts, later ones win. */
  values: string[];
  /** `--set` and `--set-string`, after the values. */
  set: { key: string; value: string; typed: boolean }[];
  caPem: string | undefined;
  plainHttp: boolean;
  skipTlsVerify: boolean;
  basic: { username: string; password: string } | undefined;
  passCredentials: boolean;
  /** Docker's `auths`, by registry. */
  registries: Record<string, { auth: string }> | undefined;
  takeOwnership: boolean;
  forceConflicts: boolean;
  serverSide: 'true' | 'false' | 'auto' | undefined;
  timeoutMs: number;
  failurePolicy: 'reinstall' | 'abort' | 'retry' | undefined;
  backOffLimit: number;
  /** Names all that an upgrade depends on: a release that bears it is as it should be. */
  hash: string;
}

export type ChartSource =
  | { kind: 'content'; archive: Buffer }
  | { kind: 'url'; url: string }
  | { kind: 'oci'; url: string }
  | { kind: 'repository'; repo: string; chart: string };

/** Objects that a chart refers to, in its own namespace. */
export interface Referred {
  secret(name: string): Secret | undefined;
  configMap(name: string): ConfigMap | undefined;
  /** Where charts of `server/static/charts` are: what `%{KUBERNETES_API}%` stands for. */
  api: { address: string; ca: string };
}

const defaultTimeoutMs = 300_000;
/** A day: longer, and a hook that hangs would keep its place forever. */
const longestTimeoutMs = 24 * 3600_000;
const defaultBackOffLimit = 1000;
/** Helm's own limit, so that names of objects have room. */
const longestName = 53;
const httpUrl = /^https?:\/\/[^\s\p{Cc}]+$/u;
const ociUrl = /^oci:\/\/[^\s\p{Cc}]+$/u;
/** Never a path: files of the machine are not charts. */
const plainName = /^[A-Za-z0-9][\w.-]*(\/[A-Za-z0-9][\w.-]*)*$/;
const registryHost = /^[\w.:[\]-]+$/;
const ownApi = 'https://%{KUBERNETES_API}%/';
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/**
 * Reads what the chart and its HelmChartConfig say. Throws Refused when something is wrong or
 * missing.
 */
export function wishOf(
  chart: HelmChart,
  config: HelmChartConfig | undefined,
  referred: Referred,
): Wish {
  const spec = chart.spec ?? {};
  const { name = '', namespace: home = '' } = chart.metadata;
  if (name.length > longestName)
    throw new Refused(`the name is longer than the ${longestName} characters that Helm takes`);
  const namespace = spec.targetNamespace || home;
  if (!label.test(namespace) || namespace.length > 63)
    throw new Refused(`targetNamespace: ${JSON.stringify(namespace)} is not a name of a namespace`);
  const isStatic = spec.chart?.startsWith(ownApi) === true;
  const chartUrl = spec.chart?.replace(ownApi, `https://${referred.api.address}/`);
  const source = sourceOf({ ...spec, ...(chartUrl !== undefined && { chart: chartUrl }) });
  const values = [
    ...valuesOf(spec, referred),
    ...valuesOf(config?.spec ?? {}, referred, 'HelmChartConfig: '),
  ];
  const set = setOf(spec);
  const caPem = isStatic ? referred.api.ca : authorityOf(spec, referred);
  const { basic, registries } = credentialsOf(spec, source, referred);
  const wish = {
    name,
    namespace,
    createNamespace: spec.createNamespace === true,
    source,
    version: spec.version || undefined,
    values: values.map((one) => one.text),
    set,
    caPem,
    plainHttp: spec.plainHTTP === true,
    skipTlsVerify: spec.insecureSkipTLSVerify === true,
    basic,
    passCredentials: spec.authPassCredentials === true,
    registries,
    takeOwnership: spec.takeOwnership === true,
    forceConflicts: spec.forceConflicts === true,
    serverSide: serverSideOf(spec),
    timeoutMs: timeoutOf(spec),
    failurePolicy: policyOf(config?.spec?.failurePolicy || spec.failurePolicy),
    backOffLimit: spec.backOffLimit ?? defaultBackOffLimit,
  };
  const counted = values.filter((one) => one.counts).map((one) => one.text);
  return { ...wish, hash: hashOf(wish, counted) };
}

function sourceOf({ chart, chartContent, repo }: HelmChartSpec): ChartSource {
  if (chartContent) {
    const archive = Buffer.from(chartContent, 'base64');
    // Every packaged chart is a gzip file.
    if (archive[0] !== 0x1f || archive[1] !== 0x8b)
      throw new Refused('chartContent: it is not a packaged chart (.tgz) in base64');
    return { kind: 'content', archive };
  }
  if (!chart) throw new Refused('chart: a name, a URL or chartContent is needed');
  if (httpUrl.test(chart)) return { kind: 'url', url: chart };
  if (ociUrl.test(chart)) return { kind: 'oci', url: chart };
  if (!plainName.test(chart))
    throw new Refused(
      `chart: ${JSON.stringify(chart)} is not a name or an https:// or oci:// address`,
    );
  if (!repo) throw new Refused(`repo: is required for chart ${chart}, which is not an address`);
  if (ociUrl.test(repo)) return { kind: 'oci', url: `${repo.replace(/\/+$/, '')}/${chart}` };
  if (!httpUrl.test(repo))
    throw new Refused(`repo: ${JSON.stringify(repo)} is not an http:// address`);
  return { kind: 'repository', repo, chart };
}

interface Values {
  text: string;
  /** Whether a change of it alone is a reason for an upgrade. */
  counts: boolean;
}

function valuesOf(
  spec: Pick<HelmChartSpec, 'valuesContent' | 'valuesSecrets'>,
  referred: Referred,
  where = '',
): Values[] {
  const content = spec.valuesContent ? [{ text: spec.valuesContent, counts: true }] : [];
  return [
    ...content,
    ...(spec.valuesSecrets ?? []).flatMap((one) => secretValues(one, referred, where)),
  ];
}

function secretValues(of: ValuesSecret, referred: Referred, where: string): Values[] {
  const secret = referred.secret(of.name ?? '');
  if (!secret) throw new Refused(`${where}valuesSecrets: there is no Secret ${of.name}`);
  const keys = of.keys?.length ? of.keys : Object.keys(secret.data ?? {}).toSorted();
  return keys.map((key) => {
    const data = own(secret.data, key);
    if (data === undefined)
      throw new Refused(`${where}valuesSecrets: the Secret ${of.name} has no key ${key}`);
    return { text: Buffer.from(data, 'base64').toString(), counts: of.ignoreUpdates !== true };
  });
}

/** As k3s has it: numbers, booleans and null keep their type, all else is a text. */
function setOf({ set }: HelmChartSpec): Wish['set'] {
  return Object.entries(set ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, given]) => {
      const typed = typeof given === 'number' || /^(true|false|null)$/i.test(given);
      const value = String(given);
      return { key, typed, value: typed ? value : value.replaceAll(/(?<!\\),/g, '\\,') };
    });
}

function authorityOf(
  { repoCA, repoCAConfigMap }: HelmChartSpec,
  referred: Referred,
): string | undefined {
  if (!repoCAConfigMap?.name) return repoCA || undefined;
  const map = referred.configMap(repoCAConfigMap.name);
  if (!map) throw new Refused(`repoCAConfigMap: there is no ConfigMap ${repoCAConfigMap.name}`);
  const texts = Object.keys(map.data ?? {})
    .toSorted()
    .map((key) => own(map.data, key) ?? '');
  return [...(repoCA ? [repoCA] : []), ...texts].join('\n') || undefined;
}

function credentialsOf(
  spec: HelmChartSpec,
  source: ChartSource,
  referred: Referred,
): Pick<Wish, 'basic' | 'registries'> {
  const registries = spec.dockerRegistrySecret?.name
    ? dockerAuths(spec.dockerRegistrySecret.name, referred)
    : undefined;
  if (!spec.authSecret?.name) return { basic: undefined, registries };
  const secret = referred.secret(spec.authSecret.name);
  if (!secret) throw new Refused(`authSecret: there is no Secret ${spec.authSecret.name}`);
  const [username = '', password = ''] = ['username', 'password'].map((key) =>
    Buffer.from(own(secret.data, key) ?? '', 'base64').toString(),
  );
  if (source.kind === 'repository') return { basic: { username, password }, registries };
  if (source.kind !== 'oci')
    throw new Refused('authSecret: it is for a chart of a repo, or of an oci:// address');
  const host = new URL(source.url.replace(/^oci:/, 'https:')).host;
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  return { basic: undefined, registries: { ...registries, [host]: { auth } } };
}

/** Only what names a password: a credential store would be a program to start. */
function dockerAuths(name: string, referred: Referred): Record<string, { auth: string }> {
  const secret = referred.secret(name);
  if (!secret) throw new Refused(`dockerRegistrySecret: there is no Secret ${name}`);
  const text = Buffer.from(own(secret.data, '.dockerconfigjson') ?? '', 'base64').toString();
  try {
    const { auths } = JSON.parse(text) as { auths: Record<string, Record<string, unknown>> };
    return Object.fromEntries(
      Object.entries(auths).flatMap(([host, given]) => {
        const { auth, username, password } = given;
        const pair = `${String(username ?? '')}:${String(password ?? '')}`;
        const said = typeof auth === 'string' ? auth : Buffer.from(pair).toString('base64');
        const registry = host.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
        return registryHost.test(registry) ? [[registry, { auth: said }]] : [];
      }),
    );
  } catch {
    throw new Refused(`dockerRegistrySecret: the Secret ${name} has no .dockerconfigjson`);
  }
}

function serverSideOf({ serverSide }: HelmChartSpec): Wish['serverSide'] {
  if (serverSide === undefined || serverSide === '') return undefined;
  const text = String(serverSide);
  if (text === 'true' || text === 'false' || text === 'auto') return text;
  throw new Refused('serverSide: true, false or auto');
}

function policyOf(said: string | undefined): Wish['failurePolicy'] {
  if (!said) return undefined;
  if (said === 'reinstall' || said === 'abort' || said === 'retry') return said;
  throw new Refused(`failurePolicy: ${said} is neither reinstall, abort nor retry`);
}

const units = table({ ms: 1, s: 1000, m: 60_000, h: 3600_000 });

/** A duration of Go without fractions of a unit: `5m0s`. */
function timeoutOf({ timeout }: HelmChartSpec): number {
  if (!timeout) return defaultTimeoutMs;
  if (!/^(\d{1,9}(ms|s|m|h))+$/.test(timeout))
    throw new Refused(`timeout: ${timeout} is not a duration such as 5m0s`);
  let ms = 0;
  for (const [, number = '', unit = ''] of timeout.matchAll(/(\d+)(ms|s|m|h)/g))
    ms += Number(number) * (units[unit] ?? 0);
  return Math.min(Math.max(ms, 1000), longestTimeoutMs);
}

/** How often and how long it is tried is no part of it, nor is who may fetch the chart. */
function hashOf(wish: Omit<Wish, 'hash'>, values: string[]): string {
  const { source } = wish;
  const parts = [
    wish.name,
    wish.namespace,
    source.kind === 'content' ? source.archive.toString('base64') : source,
    wish.version ?? '',
    values,
    wish.set,
    wish.takeOwnership,
    wish.serverSide ?? '',
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}
