import { humanDuration } from '../api/human-duration.ts';
import type { KubeObject, ResourceRef } from '../api/object.ts';
import { ConfigError, SkiffError } from '../base/errors.ts';
import type { Client } from '../client/client.ts';
import { resourcePath } from '../client/paths.ts';
import { inColumns } from './columns.ts';
import { milliseconds, WrongValue } from './component-args/values.ts';
import { findResource, type Named } from './find-resource.ts';
import { clientOf, namespaceOf } from './kube-client.ts';
import { linesOf, unified } from './object-diff.ts';
import {
  atRevision,
  before,
  beforeLast,
  changedPaths,
  changeOf,
  contentOf,
  restored,
  same,
  writtenBy,
  type ObjectHistory,
  type Version,
} from './object-history.ts';
import { printJson } from './output.ts';

export interface ObjectArguments {
  kubeconfig: string;
  namespace?: string;
}

const op = 'undo';

interface Opened {
  client: Client & { close(): void };
  ref: ResourceRef;
  name: string;
  namespace: string | undefined;
  history: ObjectHistory;
  /** `deployment.apps/web` */
  what: string;
}

/** Asks for the versions of an object, and closes the client when `use` is done with them. */
async function withHistory(
  words: string[],
  options: ObjectArguments,
  use: (opened: Opened) => Promise<void>,
): Promise<void> {
  const client = await clientOf(options.kubeconfig);
  try {
    const { ref, singular, name }: Named = await findResource(client, words);
    const space = options.namespace ?? (await namespaceOf(options.kubeconfig));
    const namespace = ref.namespaced ? space : undefined;
    const path = resourcePath(ref, { namespace, name }, { history: true });
    const { status, body } = await client.raw({ method: 'GET', path });
    const answer = JSON.parse(body.toString()) as ObjectHistory & { message?: string };
    if (status !== 200)
      throw new SkiffError(answer.message ?? `status ${status}`, { code: 'HISTORY', op });
    if (!Array.isArray(answer.items))
      throw new ConfigError('this server tells no history', { op, hint: 'is it a skiff?' });
    const what = `${singular}${ref.group ? `.${ref.group}` : ''}/${name}`;
    await use({ client, ref, name, namespace, history: answer, what });
  } finally {
    client.close();
  }
}

const mostPaths = 3;

/** `skiff history TYPE/NAME` */
export async function printHistory(
  words: string[],
  options: ObjectArguments & { all?: boolean; output: string },
): Promise<void> {
  await withHistory(words, options, async ({ history }) => {
    const rows = rowsOf(history).filter(({ change }) => options.all || change !== 'status');
    if (options.output === 'json') return printJson(rows);
    const nowMs = Date.parse(history.now);
    const age = (at: string | undefined): string =>
      at === undefined ? '-' : humanDuration(nowMs - Date.parse(at));
    const cells = rows.map((row) => [
      String(row.revision),
      age(row.time),
      row.manager,
      `${row.change}${paths(row.fields)}`,
    ]);
    process.stdout.write(inColumns([['REVISION', 'AGE', 'BY', 'CHANGE'], ...cells]));
  });
}

const paths = (fields: string[]): string => {
  if (fields.length === 0) return '';
  const more = fields.length > mostPaths ? ` and ${fields.length - mostPaths} more` : '';
  return `: ${fields.slice(0, mostPaths).join(', ')}${more}`;
};

interface Row {
  revision: number;
  time: string | undefined;
  manager: string;
  change: string;
  fields: string[];
}

function rowsOf({ items, since }: ObjectHistory): Row[] {
  return items.map((version, i): Row => {
    const previous = items[i - 1];
    const change = changeOf(previous, version, version.revision <= since);
    const by = version.object && writtenBy(version.object, previous?.object);
    const fields =
      change === 'changed' && previous?.object && version.object
        ? changedPaths(contentOf(previous.object), contentOf(version.object))
        : [];
    return {
      revision: version.revision,
      time: by?.atMs === undefined ? undefined : new Date(by.atMs).toISOString(),
      manager: by?.manager ?? '-',
      change,
      fields,
    };
  });
}

/** `skiff diff TYPE/NAME --revision N [--to M]`: from then to now, or to M. */
export async function printDiff(
  words: string[],
  options: ObjectArguments & { revision?: string; to?: string },
): Promise<void> {
  await withHistory(words, options, async ({ history, what }) => {
    const from =
      options.revision === undefined
        ? beforeLast(history)
        : atRevision(history, numberOf('--revision', options.revision));
    const to =
      options.to === undefined
        ? history.items.at(-1)
        : atRevision(history, numberOf('--to', options.to));
    const text = unified(...(await linesOf(from?.object, to?.object)));
    if (text === '') return void process.stdout.write(`${what}: no difference\n`);
    const name = (version: Version | undefined): string =>
      version?.object ? `${what} at ${version.revision}` : '/dev/null';
    process.stdout.write(`--- ${name(from)}\n+++ ${name(to)}\n${text}`);
  });
}

function numberOf(flag: string, text: string): number {
  if (!/^[1-9]\d{0,15}$/.test(text))
    throw new ConfigError(`${flag}: "${text}" is not a revision`, {
      op,
      hint: '"skiff history TYPE/NAME" lists them',
    });
  return Number(text);
}

export interface UndoArguments extends ObjectArguments {
  toRevision?: string;
  since?: string;
  dryRun?: boolean;
}

/** `skiff undo TYPE/NAME [--to-revision N | --since 5m]` */
export async function undo(words: string[], options: UndoArguments): Promise<void> {
  if (options.toRevision !== undefined && options.since !== undefined)
    throw new ConfigError('--to-revision and --since exclude each other', { op });
  await withHistory(words, options, async ({ client, ref, namespace, name, history, what }) => {
    const target = targetOf(history, options);
    if (!target?.object)
      throw new ConfigError(`${what}: there is nothing to go back to: it was not there then`, {
        op,
        hint: 'kubectl delete takes it away',
      });
    const now = history.items.at(-1)?.object;
    if (now?.metadata.deletionTimestamp)
      throw new ConfigError(`${what} is being deleted`, {
        op,
        hint: 'bring it back when it is gone',
      });
    const say = (text: string): void =>
      void process.stdout.write(`${what} ${text}${options.dryRun ? ' (dry run)' : ''}\n`);
    if (now && same(contentOf(now), contentOf(target.object)))
      return say(`is as it was at revision ${target.revision} already`);
    const object = restored(target.object, now);
    const write = { fieldManager: 'skiff-undo', dryRun: options.dryRun };
    const written = now
      ? await client.update<KubeObject>(ref, object, write)
      : await client.create<KubeObject>(ref, object, { ...write, namespace });
    if (options.dryRun) process.stdout.write(unified(...(await linesOf(now, written))));
    say(`${now ? 'is' : 'is back'} as it was at revision ${target.revision}`);
    for (const owner of now ? [] : (object.metadata.ownerReferences ?? []))
      process.stderr.write(
        `skiff: ${name} belongs to ${owner.kind}/${owner.name}: it stays only if that is there\n`,
      );
  });
}

function targetOf(history: ObjectHistory, options: UndoArguments): Version | undefined {
  if (options.toRevision !== undefined)
    return atRevision(history, numberOf('--to-revision', options.toRevision));
  if (options.since === undefined) return beforeLast(history);
  try {
    return before(history, milliseconds(options.since));
  } catch (error) {
    if (error instanceof WrongValue) throw new ConfigError(`--since: ${error.message}`, { op });
    throw error;
  }
}
