import { ApiFailure, call, json, messageOf } from './api.ts';
import type { KubeObject, ListOf, Status, Table, TableColumn } from './objects.ts';
import { eachLine } from './lines.ts';
import { withQuery } from './paths.ts';

/** One line of a list: what the server's table says of an object, or the object itself. */
export interface Row {
  key: string;
  object: KubeObject;
  cells: unknown[];
}

interface WatchEvent {
  type: string;
  object: Table & KubeObject & Status;
}

/** So many at once: the first are shown while the others come. */
const pageSize = 500;
const tableForm = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

/**
 * A list that stays true: pages first, then a watch from where they ended. Begins anew when the
 * server has forgotten that far back, and waits longer each time it cannot be reached.
 */
export class Listing {
  readonly rows = new Map<string, Row>();
  columns: TableColumn[] = [];
  /** All pages are there. */
  complete = false;
  /** What is wrong at the moment; `refused` is for good. */
  trouble: string | undefined;
  refused: ApiFailure | undefined;

  readonly #path: string;
  readonly #query: Record<string, string>;
  readonly #table: boolean;
  readonly #changed: () => void;
  readonly #end = new AbortController();
  #due = false;

  constructor(options: {
    path: string;
    query?: Record<string, string>;
    /** Lines of the server's table, or whole objects. */
    form: 'table' | 'objects';
    changed: () => void;
  }) {
    this.#path = options.path;
    this.#query = options.query ?? {};
    this.#table = options.form === 'table';
    this.#changed = options.changed;
    void this.#run();
  }

  stop(): void {
    this.#end.abort();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#end.signal.aborted;) {
      try {
        let version = await this.#list();
        for (;;) {
          version = await this.#watch(version);
          failures = 0;
        }
      } catch (error) {
        if (this.#end.signal.aborted) return;
        if (error instanceof ApiFailure && [401, 403, 404].includes(error.code)) {
          this.refused = error;
          this.#tell();
          return;
        }
        // Gone: the watch was too far back. All is listed again, at once.
        const gone = error instanceof ApiFailure && error.code === 410;
        if (!gone || failures > 0) {
          this.trouble = messageOf(error);
          this.#tell();
          await pause(Math.min(30_000, 500 * 2 ** failures), this.#end.signal);
        }
        failures++;
      }
    }
  }

  async #list(): Promise<string> {
    const seen = new Set<string>();
    let version = '';
    let more: string | undefined;
    do {
      const page = await json<Table & ListOf<KubeObject>>(
        withQuery(this.#path, { ...this.#query, limit: pageSize, continue: more }),
        this.#ask(),
      );
      if (page.columnDefinitions) this.columns = page.columnDefinitions;
      for (const row of rowsOf(page)) {
        seen.add(row.key);
        this.rows.set(row.key, row);
      }
      version = page.metadata.resourceVersion ?? '';
      more = page.metadata.continue || undefined;
      this.trouble = undefined;
      this.#tell();
    } while (more !== undefined);
    for (const key of this.rows.keys()) if (!seen.has(key)) this.rows.delete(key);
    this.complete = true;
    this.#tell();
    return version;
  }

  /** Until the server ends it; the version to go on from. */
  async #watch(from: string): Promise<string> {
    const query = { watch: 1, allowWatchBookmarks: 'true', resourceVersion: from };
    const answer = await call(withQuery(this.#path, { ...this.#query, ...query }), this.#ask());
    let version = from;
    this.trouble = undefined;
    for await (const line of eachLine(answer)) {
      if (line === '') continue;
      const { type, object } = JSON.parse(line) as WatchEvent;
      if (type === 'ERROR') throw new ApiFailure(object.code ?? 500, object);
      version = this.#apply(type, object) ?? version;
    }
    return version;
  }

  #apply(type: string, object: WatchEvent['object']): string | undefined {
    const rows = rowsOf(this.#table && object.rows ? object : { items: [object] });
    let version = object.metadata.resourceVersion;
    for (const row of rows) {
      version = row.object.metadata.resourceVersion ?? version;
      if (type === 'DELETED') this.rows.delete(row.key);
      else if (type !== 'BOOKMARK') this.rows.set(row.key, row);
    }
    if (type !== 'BOOKMARK') this.#tell();
    return version || undefined;
  }

  #ask(): { accept: string; signal: AbortSignal } {
    return { accept: this.#table ? tableForm : 'application/json', signal: this.#end.signal };
  }

  /** A thousand changes in a tenth of a second are one for whoever looks. */
  #tell(): void {
    if (this.#due) return;
    this.#due = true;
    setTimeout(() => {
      this.#due = false;
      if (!this.#end.signal.aborted) this.#changed();
    }, 100);
  }
}

function rowsOf(page: { rows?: Table['rows']; items?: KubeObject[] }): Row[] {
  if (page.rows)
    return page.rows.map(({ cells, object }) => ({ key: keyOf(object), object, cells }));
  return (page.items ?? []).map((object) => ({ key: keyOf(object), object, cells: [] }));
}

const keyOf = ({ metadata: { namespace = '', name } }: KubeObject): string =>
  `${namespace}/${name}`;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
