import { LRUCache } from 'lru-cache';
import type { SubjectAccessReviewSpec } from '../../api/generated/types/authorization-v1.ts';
import { messageOf } from '../../base/errors.ts';
import type { Clock } from '../../io/clock.ts';
import type { Dial } from '../../io/dial.ts';
import type { Log } from '../../io/log.ts';
import type { Random } from '../../io/random.ts';
import type { KubeconfigWebhook } from '../webhooks/kubeconfig.ts';
import { PostError, postJson, type Posted } from '../webhooks/post-json.ts';
import type { AccessRequest, Decision } from './authorizer.ts';
import type { Authorizer, Rules } from './chain.ts';
import type { WebhookConfiguration } from './configuration.ts';
import { decisionOf, reviewOf, specOf, statusIn, type ReviewStatus } from './review.ts';
import type { Result, WebhookMetrics } from './webhook-metrics.ts';

export interface WebhookDoors {
  clock: Clock;
  dial: Dial;
  log: Log;
  random: Random;
}

export interface WebhookOptions {
  name: string;
  configuration: WebhookConfiguration;
  webhook: KubeconfigWebhook;
  doors: WebhookDoors;
  metrics: WebhookMetrics;
}

/**
 * Answers that are remembered: so many, and so many characters of questions and reasons. The first
 * is kube-apiserver's.
 */
const cacheBounds = { entries: 8192, characters: 16 << 20 };
/**
 * A question whose names are longer together may be meant to fill the cache, and is not remembered
 * (plugin/pkg/authorizer/webhook shouldCache).
 */
const maxCachedNames = 10_000;
/**
 * Tries of one question, the pause after the first, its growth and what chance adds to it
 * (apiserver util/webhook).
 */
const retry = { tries: 5, firstPauseMs: 500, growth: 1.5, jitter: 0.2 };
/** All tries of one question together: as long as kube-apiserver lets a request take. */
const longestMs = 60_000;
/** A SubjectAccessReview repeats the question, and little else. */
const maxAnswerBytes = 1 << 20;

/**
 * Asks another server, by SubjectAccessReview, and remembers what it said (apiserver
 * plugin/pkg/authorizer/webhook).
 */
export class WebhookAuthorizer implements Authorizer {
  readonly type = 'Webhook';
  readonly name: string;
  readonly #o: WebhookOptions;
  readonly #known: LRUCache<string, ReviewStatus>;

  constructor(options: WebhookOptions) {
    this.name = options.name;
    this.#o = options;
    this.#known = new LRUCache({
      max: cacheBounds.entries,
      maxSize: cacheBounds.characters,
      sizeCalculation: ({ reason }, key) => key.length + reason.length + 1,
      ttlResolution: 0,
      perf: { now: () => options.doors.clock.monotonicMs() },
    });
  }

  close(): void {
    this.#o.webhook.target.pool?.close();
  }

  /** At once when a condition leaves the request out, or the answer is known. */
  authorize(request: AccessRequest): Decision | Promise<Decision> {
    const {
      configuration: { conditions },
      metrics,
    } = this.#o;
    const spec = specOf(request);
    try {
      if (conditions && !conditions.match(spec)) {
        metrics.excluded(this.name);
        return { allowed: false, reason: '' };
      }
    } catch (error) {
      metrics.conditionFailed(this.name);
      return this.#failed(messageOf(error));
    }
    const key = JSON.stringify(spec);
    const known = this.#known.get(key);
    return known ? decisionOf(known) : this.#asked(spec, key, namesIn(request) < maxCachedNames);
  }

  /** It decides, but cannot list its rules. */
  rulesFor(): Rules {
    return {
      rules: [],
      incomplete: true,
      error: 'webhook authorizer does not support user rule resolution',
    };
  }

  #failed(error: string): Decision {
    return {
      allowed: false,
      ...(this.#o.configuration.failurePolicy === 'Deny' && { denied: true as const }),
      reason: '',
      error,
    };
  }

  /** Never rejects. */
  async #asked(spec: SubjectAccessReviewSpec, key: string, remember: boolean): Promise<Decision> {
    const { configuration, doors, metrics } = this.#o;
    const { result, status, error } = await this.#tried(spec);
    if (status) {
      const ttl = status.allowed ? configuration.authorizedTtlMs : configuration.unauthorizedTtlMs;
      if (remember && ttl > 0) this.#known.set(key, status, { ttl });
      return decisionOf(status);
    }
    doors.log.error('authorization webhook failed', { webhook: this.name, error });
    if (configuration.failurePolicy === 'NoOpinion') metrics.failedOpen(this.name, result);
    return this.#failed(error ?? '');
  }

  async #tried(spec: SubjectAccessReviewSpec): Promise<Outcome> {
    const { clock, random } = this.#o.doors;
    const until = clock.monotonicMs() + longestMs;
    let pauseMs = retry.firstPauseMs;
    for (let tries = 1; ; tries++, pauseMs *= retry.growth) {
      const outcome = await this.#once(spec, until - clock.monotonicMs());
      if (!outcome.again || tries >= retry.tries) return outcome;
      const waitMs = pauseMs * (1 + (retry.jitter * random.int(1000)) / 1000);
      if (clock.monotonicMs() + waitMs >= until) return outcome;
      await clock.sleep('authorization-webhook', waitMs);
    }
  }

  async #once(spec: SubjectAccessReviewSpec, leftMs: number): Promise<Outcome> {
    const {
      configuration: { timeoutMs, version },
      webhook,
      doors,
      metrics,
    } = this.#o;
    const began = doors.clock.monotonicMs();
    const done = (outcome: Outcome): Outcome => {
      metrics.asked(this.name, outcome.result, (doors.clock.monotonicMs() - began) / 1000);
      return outcome;
    };
    const bare = webhook.path.split('?', 1)[0]?.replace(/\/$/, '') || '/';
    const path = `${bare}?timeout=${timeoutMs / 1000}s`;
    const shown = `${webhook.origin}${path}`;
    try {
      const credential = await webhook.authorization();
      const headers = {
        'user-agent': 'kube-apiserver',
        ...(credential !== undefined && { authorization: credential }),
      };
      const answer = await postJson(doors, {
        op: 'authorization-webhook',
        target: webhook.target,
        path,
        shown,
        headers,
        body: reviewOf(spec, version),
        timeoutMs: Math.min(timeoutMs, leftMs),
        maxAnswerBytes,
      });
      return done(read(answer, version, shown));
    } catch (error) {
      if (!(error instanceof PostError))
        return done({ result: 'error', error: `Post "${shown}": ${messageOf(error)}` });
      return done({
        result: error.timedOut ? 'timeout' : 'error',
        error: error.message,
        again: !error.timedOut && wasReset(error.cause),
      });
    }
  }
}

interface Outcome {
  result: Result;
  status?: ReviewStatus;
  error?: string;
  /** Another try may do (apiserver util/webhook DefaultShouldRetry). */
  again?: boolean;
}

const tooManyRequests = 429;
const retried = new Set([tooManyRequests, 500, 504]);

/** Throws when the answer is malformed. */
function read(
  { statusCode, headers, text }: Posted,
  version: WebhookConfiguration['version'],
  shown: string,
): Outcome {
  if (statusCode >= 200 && statusCode < 300)
    return { result: 'success', status: statusIn(text, version) };
  const again = retried.has(statusCode) || headers['retry-after'] !== undefined;
  return {
    result: statusCode === 504 ? 'timeout' : 'error',
    error: `Post "${shown}": the server responded with the status code ${statusCode}`,
    again,
  };
}

/** Node calls a connection that ends without an answer a reset, too; Go does not. */
const wasReset = (cause: unknown): boolean =>
  (cause as { code?: unknown } | undefined)?.code === 'ECONNRESET' &&
  messageOf(cause) !== 'socket hang up';

function namesIn({
  namespace = '',
  verb,
  group = '',
  version = '',
  resource = '',
  subresource = '',
  name = '',
  path = '',
}: AccessRequest): number {
  return (
    namespace.length +
    verb.length +
    group.length +
    version.length +
    resource.length +
    subresource.length +
    name.length +
    path.length
  );
}
