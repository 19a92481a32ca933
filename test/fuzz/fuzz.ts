import { partOf } from '../../internal/base/testing/part-of.ts';
import { Agent, request } from 'node:https';
import { startDevServer, type DevServer } from '../../internal/apiserver/dev.ts';
import type { Log } from '../../internal/io/log.ts';
import { dnsParser, parsers, type Parser } from './parsers.ts';
import { areas, standing, type Request } from './requests.ts';
import { Rng } from './rng.ts';

/**
 * Most CPU that one input may take; a large one as much for each megabyte, of which a real
 * kube-apiserver takes 1.3 to 2.5 s for pods.
 */
const maxCpuMs = 1_000;
const cpuLimitMs = (input: Buffer): number => maxCpuMs * Math.max(1, input.length / (1 << 20));
/** Most that the heap may grow over a run, once it is warm. */
const maxGrowthBytes = 200 << 20;
const warmInputs = 500;
/** A watch ends when its client goes; this one goes when it was quiet for so long. */
const watchQuietMs = 200;
/** Longest that one answer may take, drop by drop or not. */
const answerMs = 60_000;
/** How often a run says how far it is. */
const progressMs = 60_000;
/**
 * Tries to make a failing input smaller, and how long it may go on: a failure may be that nothing
 * comes for long.
 */
const maxShrinks = 300;
const maxShrinkMs = 15_000;

export interface Failure {
  area: string;
  /** Repeats this one input: `--seed SEED --only AREA`. */
  seed: number;
  what: string;
  input: string;
}

export interface Options {
  seed: number;
  /** How long to draw, once the server stands. */
  forMs: number;
  only?: readonly string[];
  say?: (line: string) => void;
  /** Areas that come up a twentieth as often. */
  rare?: readonly string[];
}

export interface Report {
  inputs: Map<string, number>;
  failures: Failure[];
  slowest: { area: string; ms: number; seed: number };
  /**
   * Of this process, which is server and client: once warm, and at the end. Heap after a
   * collection.
   */
  memory: { heapBefore: number; heapAfter: number; rssBefore: number; rssAfter: number };
}

/**
 * An area with its input as bytes, so that one shrinker serves all. `run` resolves to what went
 * wrong.
 */
interface Area {
  make(rng: Rng): {
    input: Buffer;
    around: string;
    run(input: Buffer): Promise<string | undefined>;
  };
}

const thing = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'things.fuzz.io' },
  spec: {
    group: 'fuzz.io',
    scope: 'Namespaced',
    names: { kind: 'Thing', plural: 'things' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
              keyed: {
                type: 'array',
                'x-kubernetes-list-type': 'map',
                'x-kubernetes-list-map-keys': ['name'],
                items: {
                  type: 'object',
                  required: ['name'],
                  properties: { name: { type: 'string' }, port: { type: 'integer', default: 1 } },
                },
              },
              free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
              count: { type: 'integer', minimum: 0, nullable: true },
              constructor: { type: 'string', pattern: '^[a-z]+$' },
            },
          },
        },
      },
    ],
  },
};

/** Paths whose answer has no end of its own. */
const watches = /\/watch\/|[?&]watch=/;

/** The server under trial, and what its log holds against it. */
class Subject {
  readonly #dev: DevServer;
  readonly #agent: Agent;
  readonly #faults: string[];

  private constructor(dev: DevServer, faults: string[]) {
    this.#dev = dev;
    this.#faults = faults;
    this.#agent = new Agent({ ca: dev.ca.cert, keepAlive: true, maxSockets: 1 });
  }

  static async start(): Promise<Subject> {
    const faults: string[] = [];
    const ignore = (): void => undefined;
    const log: Log = partOf<Log>({
      debug: ignore,
      info: ignore,
      warn: ignore,
      error: (message: string, fields?: unknown) =>
        void faults.push(`${message} ${JSON.stringify(fields)}`),
    });
    const subject = new Subject(await startDevServer({ log }), faults);
    const post = (path: string, body: unknown): Promise<string | undefined> =>
      subject.send({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: Buffer.from(JSON.stringify(body)),
      });
    await post('/api/v1/namespaces', { metadata: { name: 'default' } });
    await post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'default' } });
    await post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', thing);
    for (const one of standing()) await subject.send(one);
    for (let tries = 0; tries < 50; tries++) {
      await post('/apis/fuzz.io/v1/namespaces/default/things', {
        apiVersion: 'fuzz.io/v1',
        kind: 'Thing',
        metadata: { name: 'fuzz' },
      });
      if (subject.status === 201 || subject.status === 409) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return subject;
  }

  status = 0;

  /** What is wrong with the answer, or undefined. */
  send(one: Request): Promise<string | undefined> {
    this.#faults.length = 0;
    return new Promise((resolve) => {
      let late: NodeJS.Timeout | undefined;
      const done = (wrong: string | undefined): void => {
        clearTimeout(late);
        resolve(wrong);
      };
      const fail = (error: Error): void =>
        done(
          /invalid|unescaped|ERR_/i.test(
            `${error.message} ${(error as { code?: string }).code ?? ''}`,
          )
            ? undefined
            : `no answer: ${error.message}`,
        );
      try {
        const asked = request(
          {
            host: '127.0.0.1',
            port: this.#dev.api.port,
            method: one.method,
            path: one.path,
            agent: this.#agent,
            headers: {
              authorization: 'Bearer oracle',
              ...one.headers,
              'content-length': one.body.length,
            },
          },
          (answer) => {
            const parts: Buffer[] = [];
            const end = (): void => {
              this.status = answer.statusCode ?? 0;
              done(this.#judge(Buffer.concat(parts).toString()));
            };
            if (answer.statusCode === 200 && watches.test(one.path)) {
              asked.setTimeout(watchQuietMs, () => {
                end();
                asked.destroy();
              });
            }
            answer.on('data', (part: Buffer) => parts.push(part));
            answer.on('error', fail);
            answer.on('end', end);
          },
        );
        late = setTimeout(
          () => asked.destroy(new Error(`no end after ${answerMs / 1000} s`)),
          answerMs,
        );
        asked.on('error', fail);
        asked.end(one.body);
      } catch (error) {
        fail(error as Error);
      }
    });
  }

  /**
   * 500 without a reason is how Kubernetes itself answers some patches; a fault of ours says
   * InternalError.
   */
  #judge(body: string): string | undefined {
    const fault = this.#faults.find((line) => line.startsWith('request failed'));
    if (fault !== undefined) return fault.slice(0, 1_500);
    // Addresses and ports that ran out are an internal error upstream as well.
    return this.status === 500 &&
      body.includes('"reason":"InternalError"') &&
      !body.includes('range is full')
      ? `500 ${body.slice(0, 500)}`
      : undefined;
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await this.#dev.api.close();
  }
}

function httpArea(subject: Subject, draw: (rng: Rng) => Request): Area {
  return {
    make(rng) {
      const one = draw(rng);
      return {
        input: one.body,
        around: `${one.method} ${one.path} ${JSON.stringify(one.headers)}`,
        run: (input) => subject.send({ ...one, body: input }),
      };
    },
  };
}

function parserArea(parser: Parser): Area {
  return {
    make: (rng) => ({
      input: parser.input(rng),
      around: '',
      run: async (input) => {
        try {
          await parser.run(input);
          return undefined;
        } catch (error) {
          return error instanceof Error ? (error.stack ?? error.message) : String(error);
        }
      },
    }),
  };
}

/** Draws inputs until the time is over, and reports what went wrong; each kind of failure once. */
export async function fuzz(options: Options): Promise<Report> {
  const subject = await Subject.start();
  const dns = await dnsParser();
  const all: Record<string, Area> = Object.fromEntries([
    ...Object.entries(areas).map(([name, draw]) => [name, httpArea(subject, draw)] as const),
    ...Object.entries({ ...parsers, dns }).map(
      ([name, parser]) => [name, parserArea(parser)] as const,
    ),
  ]);
  const names = Object.keys(all).filter((name) => !options.only || options.only.includes(name));
  const report: Report = {
    inputs: new Map(),
    failures: [],
    slowest: { area: '', ms: 0, seed: 0 },
    memory: { heapBefore: 0, heapAfter: 0, rssBefore: 0, rssAfter: 0 },
  };
  const { memory } = report;
  const crashed: string[] = [];
  const crash = (error: unknown): void =>
    void crashed.push(
      `nobody caught: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  process.on('uncaughtException', crash).on('unhandledRejection', crash);
  const began = performance.now();
  const until = began + options.forMs;
  let current = '';
  const progress = setInterval(
    () =>
      options.say?.(
        `after ${Math.round((performance.now() - began) / 60_000)} minutes: ${total(report)} ` +
          `inputs, ${report.failures.length} kinds of failure, resident ` +
          `${process.memoryUsage().rss >> 20} MB, at ${current}`,
      ),
    progressMs,
  );
  const seeds = new Rng(options.seed);
  try {
    for (let count = 0; performance.now() < until; count++) {
      // The first input has the seed that was asked for, so that a failure can be repeated alone.
      const seed = count === 0 ? options.seed : seeds.int(2 ** 31);
      const name = names[count % names.length] ?? '';
      if (options.rare?.includes(name) && names.length > 1 && seed % 20 !== 0) continue;
      current = `${name} --seed ${seed}`;
      report.inputs.set(name, (report.inputs.get(name) ?? 0) + 1);
      const failure = await tryOne(all[name] as Area, name, seed, crashed, report);
      if (
        failure &&
        !report.failures.some(
          (known) => known.area === name && kindOf(known.what) === kindOf(failure.what),
        )
      ) {
        report.failures.push(failure);
        options.say?.(textOf(failure));
      }
      if (memory.heapBefore === 0 && count >= warmInputs)
        [memory.heapBefore, memory.rssBefore] = settled();
    }
    [memory.heapAfter, memory.rssAfter] = settled();
    const grown = memory.heapBefore === 0 ? 0 : memory.heapAfter - memory.heapBefore;
    if (grown > maxGrowthBytes)
      report.failures.push({
        area: 'memory',
        seed: options.seed,
        what: `the heap grew by ${grown >> 20} MB`,
        input: '',
      });
  } finally {
    clearInterval(progress);
    process.off('uncaughtException', crash).off('unhandledRejection', crash);
    dns.stop();
    await subject.stop();
  }
  return report;
}

/** Used heap and resident memory, after a collection where the process may ask for one. */
function settled(): [number, number] {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  return [heapUsed, rss];
}

export const total = (report: Report): number =>
  [...report.inputs.values()].reduce((a, b) => a + b, 0);

export const textOf = ({ area, seed, what, input }: Failure): string =>
  `FAIL ${area} --seed ${seed} --only ${area}\n  ${what}\n  ${input}\n`;

/** Failures are of one kind when they come from the same place in the code. */
const kindOf = (what: string): string =>
  /\(?(?:file:\/\/)?\S*internal\/(\S+?:\d+):\d+/.exec(what)?.[1] ??
  what.replaceAll(/\d+/g, 'N').slice(0, 60);

async function tryOne(
  area: Area,
  name: string,
  seed: number,
  crashed: string[],
  report: Report,
): Promise<Failure | undefined> {
  const { input, around, run } = area.make(new Rng(seed));
  const measured = async (bytes: Buffer): Promise<string | undefined> => {
    const began = process.cpuUsage();
    const wrong = await run(bytes);
    const { user, system } = process.cpuUsage(began);
    const ms = (user + system) / 1_000;
    if (bytes === input && ms > report.slowest.ms) report.slowest = { area: name, ms, seed };
    return (
      crashed.splice(0)[0] ??
      wrong ??
      (ms > cpuLimitMs(bytes) ? `${Math.round(ms)} ms of CPU` : undefined)
    );
  };
  let what = await measured(input);
  // What was slow once may have been somebody else's garbage.
  if (what?.endsWith('of CPU')) what = await measured(input);
  if (what === undefined) return undefined;
  const small = what.endsWith('of CPU') ? input : await shrink(input, kindOf(what), measured);
  const shown = small.toString('latin1').slice(0, 600);
  return { area: name, seed, what, input: `${around.slice(0, 600)} ${JSON.stringify(shown)}` };
}

/** Leaves out ever smaller pieces for as long as the failure stays the same. */
async function shrink(
  input: Buffer,
  kind: string,
  measured: (bytes: Buffer) => Promise<string | undefined>,
): Promise<Buffer> {
  let best = input;
  let left = maxShrinks;
  const until = performance.now() + maxShrinkMs;
  for (let size = best.length >> 1; size > 0 && left > 0; size >>= 1) {
    for (let at = 0; at < best.length && left > 0 && performance.now() < until; left--) {
      const next = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      const wrong = await measured(next);
      if (wrong !== undefined && kindOf(wrong) === kind) best = next;
      else at += size;
    }
  }
  return best;
}
