import type {
  FlowSchema,
  PriorityLevelConfiguration,
} from '../../api/generated/types/flowcontrol-v1.ts';
import { timeOf } from '../../api/times.ts';
import { isDeepStrictEqual } from 'node:util';
import { fieldsOf, deepCopy, type KubeObject } from '../../api/object.ts';
import { ApiError } from '../../api/status.ts';
import { messageOf } from '../../base/errors.ts';
import type { Timer } from '../../io/clock.ts';
import { flowControlObjects, type Wanted } from '../bootstrap/objects.ts';
import { ensure, systemCall } from '../bootstrap/reconcile.ts';
import type { Core } from '../registry/core.ts';
import { updateObject } from '../registry/update.ts';

const autoUpdate = 'apf.kubernetes.io/autoupdate-spec';
const mandatory = new Set(['exempt', 'catch-all']);
const group = { group: 'flowcontrol.apiserver.k8s.io', version: 'v1' } as const;
/** Field managers, as upstream names its two loops. */
const consumer = 'api-priority-and-fairness-config-consumer-v1';
const producer = 'api-priority-and-fairness-config-producer-v1';

/** Changes often come together: they are looked at together. */
const settleMs = 20;
const retryMs = 5_000;

/** What must be there whatever anybody does: without it some requests would belong nowhere. */
export function mandatoryObjects(): {
  schemas: [string, FlowSchema][];
  levels: [string, PriorityLevelConfiguration][];
} {
  const all = flowControlObjects().filter((one) => mandatory.has(one.object.metadata.name ?? ''));
  const named = (resource: string): [string, KubeObject][] =>
    all
      .filter((one) => one.resource === resource)
      .map((one) => [one.object.metadata.name ?? '', one.object]);
  return {
    schemas: named('flowschemas') as [string, FlowSchema][],
    levels: named('prioritylevelconfigurations') as [string, PriorityLevelConfiguration][],
  };
}

/**
 * Keeps upstream's objects (KEP-1040): the mandatory ones always, the suggested ones as far as
 * their annotation says so; and tells each FlowSchema whether its level is there. Level-triggered
 * by the objects themselves, silent when all is well.
 */
export class Maintenance {
  readonly #core: Core;
  #schemas: ReadonlyMap<string, FlowSchema> = new Map();
  #levels: ReadonlyMap<string, PriorityLevelConfiguration> = new Map();
  #wanted: Wanted[] = [];
  #timer: Timer | undefined;
  #running = false;
  #again = false;
  #started = false;

  constructor(core: Core) {
    this.#core = core;
  }

  start(
    schemas: ReadonlyMap<string, FlowSchema>,
    levels: ReadonlyMap<string, PriorityLevelConfiguration>,
  ): void {
    this.#schemas = schemas;
    this.#levels = levels;
    this.#wanted = flowControlObjects().map((one) => ({ ...one, object: this.#normal(one) }));
    this.#started = true;
    this.look();
  }

  stop(): void {
    this.#started = false;
    this.#timer?.cancel();
  }

  /** Something changed. */
  look(afterMs = settleMs): void {
    if (!this.#started) return;
    this.#timer?.cancel();
    this.#timer = this.#core.clock.after('flowcontrol.maintain', afterMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    try {
      for (const wanted of this.#wanted) await this.#keep(wanted);
      for (const schema of this.#schemas.values()) await this.#tell(schema);
    } catch (error) {
      // Another server or a user may have been faster; the event of that change comes as well.
      if (!(error instanceof ApiError))
        this.#core.log.warn('flow control objects were not kept', { error: messageOf(error) });
      this.look(retryMs);
    } finally {
      this.#running = false;
    }
    if (this.#again) {
      this.#again = false;
      this.look();
    }
  }

  #normal(wanted: Wanted): KubeObject {
    const call = systemCall(this.#core, wanted, '', wanted.object.metadata.name ?? '');
    return call.resource.engine.normalize(deepCopy(wanted.object)).object;
  }

  async #keep(wanted: Wanted): Promise<void> {
    const name = wanted.object.metadata.name ?? '';
    const have = (wanted.resource === 'flowschemas' ? this.#schemas : this.#levels).get(name) as
      | KubeObject
      | undefined;
    if (!have) return ensure(this.#core, [wanted]);
    const next = kept(have, wanted.object);
    if (next)
      await updateObject(
        this.#core,
        { ...systemCall(this.#core, wanted, '', name), fieldManager: producer },
        { make: (old) => kept(old ?? have, wanted.object) ?? deepCopy(old ?? have) },
      );
  }

  async #tell(schema: FlowSchema): Promise<void> {
    const level = schema.spec?.priorityLevelConfiguration.name ?? '';
    const there = this.#levels.has(level) || mandatory.has(level);
    const name = JSON.stringify(level);
    const wanted = there
      ? {
          type: 'Dangling',
          status: 'False',
          reason: 'Found',
          message:
            `This FlowSchema references the PriorityLevelConfiguration object named ${name} ` +
            'and it exists',
        }
      : {
          type: 'Dangling',
          status: 'True',
          reason: 'NotFound',
          message:
            `This FlowSchema references the PriorityLevelConfiguration object named ${name} ` +
            'but there is no such object',
        };
    const have = schema.status?.conditions?.find((one) => one.type === 'Dangling');
    if (
      have?.status === wanted.status &&
      have.reason === wanted.reason &&
      have.message === wanted.message
    )
      return;
    const lastTransitionTime =
      have?.status === wanted.status ? have.lastTransitionTime : timeOf(this.#core.clock.now());
    const call = {
      ...systemCall(
        this.#core,
        { ...group, resource: 'flowschemas' },
        '',
        schema.metadata.name ?? '',
      ),
      subresource: 'status',
      fieldManager: consumer,
    };
    await updateObject(this.#core, call, {
      make: (old) => {
        const next = deepCopy(old) as FlowSchema;
        const others = (next.status?.conditions ?? []).filter((one) => one.type !== 'Dangling');
        next.status = { conditions: [...others, { ...wanted, lastTransitionTime }] };
        return next as KubeObject;
      },
    }).catch((error: unknown) => {
      // Deleted meanwhile.
      if (!(error instanceof ApiError) || error.reason !== 'NotFound') throw error;
    });
  }
}

/**
 * The object as it should be, or undefined when it is. A suggested object whose annotation was
 * taken off is upstream's as long as nobody changed it.
 */
function kept(have: KubeObject, want: KubeObject): KubeObject | undefined {
  const name = want.metadata.name ?? '';
  const set = have.metadata.annotations?.[autoUpdate];
  const known = set === 'true' || set === 'false';
  const update = mandatory.has(name) || (known ? set === 'true' : have.metadata.generation === 1);
  const annotation = String(update);
  const spec = update ? specOf(have, want) : fieldsOf(have)['spec'];
  if (set === annotation && isDeepStrictEqual(spec, fieldsOf(have)['spec'])) return undefined;
  const next = deepCopy(have);
  next.metadata.annotations = { ...next.metadata.annotations, [autoUpdate]: annotation };
  fieldsOf(next)['spec'] = deepCopy(spec);
  return next;
}

/**
 * Shares of the exempt level are the operator's to choose; all else of a mandatory object is fixed.
 */
function specOf(have: KubeObject, want: KubeObject): unknown {
  const spec = fieldsOf(want)['spec'] as PriorityLevelConfiguration['spec'];
  const given = (fieldsOf(have)['spec'] as PriorityLevelConfiguration['spec'] | undefined)?.exempt;
  return spec?.type === 'Exempt' && given ? { ...spec, exempt: given } : spec;
}
