import type { Buffer } from 'node:buffer';
import { microTimeOf } from '../../api/times.ts';
import type { ServerResponse } from 'node:http';
import type { Scheme } from '../../api/scheme.ts';
import type { ApiError } from '../../api/status.ts';
import type { Clock } from '../../io/clock.ts';
import type { Exchange } from '../http/exchange.ts';
import { unauthorized } from '../authn/authenticator.ts';
import { isLongRunning } from '../flowcontrol/flow-control.ts';
import { agentOf, auditUser, sourcesOf, type AuditEvent, type ObjectReference } from './event.ts';
import { answered, namesOf, snapshot } from './objects.ts';
import type { Recorded } from './recorded.ts';
import { judge, type Policy, type Stage, type Verdict } from './policy.ts';

/** Takes events; never blocks, never throws. */
export interface AuditBackend {
  readonly name: 'log' | 'webhook';
  take(event: AuditEvent): void;
  /** Events lost so far. */
  readonly lost: number;
  close(): Promise<void>;
}

/** Makes the events of requests by a policy. */
export class Auditor {
  readonly policy: Policy;
  readonly backends: readonly AuditBackend[];
  readonly clock: Clock;
  readonly scheme: Scheme;
  readonly #byLevel = new Map<string, number>();
  events = 0;

  constructor(options: {
    policy: Policy;
    backends: readonly AuditBackend[];
    clock: Clock;
    scheme: Scheme;
  }) {
    this.policy = options.policy;
    this.backends = options.backends;
    this.clock = options.clock;
    this.scheme = options.scheme;
  }

  /**
   * A known user's request begins. The recording hangs on the exchange; undefined when nobody wants
   * to know.
   */
  begin(exchange: Exchange): Recorded | undefined {
    const verdict = judge(this.policy, exchange.real, exchange.info);
    this.#byLevel.set(verdict.level, (this.#byLevel.get(verdict.level) ?? 0) + 1);
    if (verdict.level === 'None') return undefined;
    const recording = new Recording(this, exchange, verdict);
    recording.stage('RequestReceived');
    return (exchange.audit = recording);
  }

  /** Authentication failed. */
  refused(exchange: Exchange): void {
    const nobody = { name: '', groups: [] };
    const verdict = judge(this.policy, nobody, exchange.info);
    if (verdict.level === 'None') return;
    new Recording(this, { ...exchange, real: nobody, user: nobody }, verdict).refused();
  }

  take(event: AuditEvent): void {
    this.events++;
    for (const backend of this.backends) backend.take(event);
  }

  async close(): Promise<void> {
    for (const backend of this.backends) await backend.close();
  }

  metrics(): string[] {
    return [
      '# TYPE apiserver_audit_event_total counter',
      `apiserver_audit_event_total ${this.events}`,
      '# TYPE apiserver_audit_level_total counter',
      ...[...this.#byLevel].map(
        ([level, count]) => `apiserver_audit_level_total{level="${level}"} ${count}`,
      ),
      '# TYPE apiserver_audit_error_total counter',
      ...this.backends.map(
        (backend) => `apiserver_audit_error_total{plugin="${backend.name}"} ${backend.lost}`,
      ),
    ];
  }
}

/** One request's event, stage by stage. */
class Recording implements Recorded {
  readonly #auditor: Auditor;
  readonly #exchange: Exchange;
  readonly #verdict: Verdict;
  readonly #received: string;
  readonly #sourceIPs: string[];
  #object: ObjectReference | undefined;
  #annotations: Record<string, string> | undefined;
  #status: object | undefined;
  #requestObject: unknown;
  #responseObject: unknown;
  #started = false;
  #over = false;

  constructor(auditor: Auditor, exchange: Exchange, verdict: Verdict) {
    this.#auditor = auditor;
    this.#exchange = exchange;
    this.#verdict = verdict;
    this.#received = microTimeOf(auditor.clock.now());
    // A connection that is gone no longer says whose it was.
    this.#sourceIPs = sourcesOf(exchange.request);
    const { info } = exchange;
    if (!info.isResource) return;
    this.#object = {
      resource: info.resource,
      ...(info.namespace ? { namespace: info.namespace } : {}),
      ...(info.name ? { name: info.name } : {}),
      ...(info.group ? { apiGroup: info.group } : {}),
      apiVersion: info.version,
      ...(info.subresource ? { subresource: info.subresource } : {}),
    };
  }

  get whole(): boolean {
    return this.#verdict.level === 'RequestResponse';
  }

  /** Follows the answer: its head for requests that live long, its end for all. */
  follow(answer: ServerResponse): void {
    const { info } = this.#exchange;
    if (info.verb === 'watch' || isLongRunning(info)) {
      const writeHead = answer.writeHead.bind(answer) as (...args: unknown[]) => ServerResponse;
      answer.writeHead = ((...args: unknown[]) => {
        this.started(Number(args[0]));
        return writeHead(...args);
      }) as typeof answer.writeHead;
    }
    answer.once('close', () => this.complete(answer.statusCode));
  }

  authorized(allowed: boolean, reason: string): void {
    this.annotate('authorization.k8s.io/decision', allowed ? 'allow' : 'forbid');
    this.annotate('authorization.k8s.io/reason', reason);
  }

  /** `least`: only where bodies are told, too. */
  annotate(key: string, value: string, least?: 'Request'): void {
    if (least && this.#verdict.level === 'Metadata') return;
    // What was said first stays.
    (this.#annotations ??= {})[key] ??= value;
  }

  /** What the client sent, decoded. A patch has no names of its own. */
  request(object: unknown, options: { patch?: boolean } = {}): void {
    if (!options.patch && this.#object) this.#object = { ...namesOf(object), ...this.#object };
    if (this.#verdict.level === 'Metadata') return;
    this.#requestObject = snapshot(object, this.#verdict.omitManagedFields);
  }

  /** The answer's body. */
  response(contentType: string, body: Buffer): void {
    // Only a Status is told on every level, and it is small.
    if (!this.whole && !body.subarray(0, 40).includes('"Status"')) return;
    this.#answered(
      answered(this.#auditor.scheme, contentType, body, this.#verdict.omitManagedFields),
    );
  }

  /** The answer of a call that is not written as bytes. */
  object(object: unknown): void {
    const isStatus = (object as { kind?: string } | undefined)?.kind === 'Status';
    if (object !== undefined && (isStatus || this.#verdict.level === 'RequestResponse'))
      this.#answered(snapshot(object, this.#verdict.omitManagedFields));
  }

  /**
   * A Status is the status; only objects that name their kind are told whole: a version or a
   * document is not an object.
   */
  #answered(given: unknown): void {
    const object = given as Record<string, unknown> | undefined;
    if (!object?.['kind']) return;
    if (object['kind'] === 'Status') {
      const { status, message, reason, details, code } = object;
      this.#status = {
        metadata: {},
        ...withoutUndefined({ status, message, reason, details, code }),
      };
    }
    if (this.#verdict.level === 'RequestResponse') this.#responseObject = object;
  }

  started(code: number): void {
    if (this.#started || this.#over) return;
    this.#started = true;
    this.#status ??= { metadata: {}, code };
    this.stage('ResponseStarted');
  }

  complete(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#status = { metadata: {}, ...this.#status, code };
    this.stage('ResponseComplete');
  }

  /** The handler failed with an internal error. */
  panicked(error: ApiError): void {
    if (this.#over) return;
    this.#over = true;
    this.#status = {
      metadata: {},
      status: 'Failure',
      message: `APIServer panic'd: ${error.message}`,
      reason: 'InternalError',
      code: error.httpStatus,
    };
    this.stage('Panic');
  }

  refused(): void {
    this.object(unauthorized().toStatus());
    this.stage('ResponseStarted');
  }

  stage(stage: Stage): void {
    if (this.#verdict.omitStages.has(stage)) return;
    const { real, user, request, info, auditId } = this.#exchange;
    const { level } = this.#verdict;
    const agent = agentOf(request);
    this.#auditor.take({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: auditId,
      stage,
      requestURI: request.url ?? info.path,
      verb: info.verb,
      user: real.name ? auditUser(real) : {},
      ...(user !== real ? { impersonatedUser: auditUser(user) } : {}),
      ...(this.#sourceIPs.length ? { sourceIPs: this.#sourceIPs } : {}),
      ...(agent ? { userAgent: agent } : {}),
      ...(this.#object ? { objectRef: ordered(this.#object) } : {}),
      ...(this.#status ? { responseStatus: this.#status } : {}),
      ...(this.#requestObject === undefined ? {} : { requestObject: this.#requestObject }),
      ...(this.#responseObject === undefined ? {} : { responseObject: this.#responseObject }),
      requestReceivedTimestamp: this.#received,
      stageTimestamp: microTimeOf(this.#auditor.clock.now()),
      ...(this.#annotations ? { annotations: { ...this.#annotations } } : {}),
    });
  }
}

const order = [
  'resource',
  'namespace',
  'name',
  'uid',
  'apiGroup',
  'apiVersion',
  'resourceVersion',
  'subresource',
] as const;

function ordered(object: ObjectReference): ObjectReference {
  return Object.fromEntries(
    order.filter((key) => object[key] !== undefined).map((key) => [key, object[key]]),
  );
}

function withoutUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
