import { refs } from '../../api/generated/refs.ts';
import { registryKey } from '../../api/registry-key.ts';
import {
  compile,
  costPerCall,
  environment,
  wrongResult,
  type Program,
} from '../../api/cel/compile.ts';
import { Meter } from '../../api/cel/evaluate.ts';
import { dyn, showType, type CelType } from '../../api/cel/types.ts';
import { CelMap, fromJson, type Value } from '../../api/cel/values.ts';
import type { Namespace } from '../../api/generated/types/core-v1.ts';
import type { KubeObject } from '../../api/object.ts';
import type { Attributes } from '../admission/chain.ts';
import { lookup } from '../admission/lookup.ts';
import type { ServedResource } from '../registry/resource.ts';
import type { Server } from '../server.ts';
import { inVersion } from '../webhooks/call-webhook.ts';
import { AuthorizerValue, policyRegistry, ResourceCheck } from './authorizer-value.ts';
import { decisionsFor, Undecided } from './decisions.ts';
import { namespaceType, requestType } from './request-types.ts';

/**
 * What one request may spend on all expressions of one policy, and on the match conditions of one
 * policy or webhook (Kubernetes' RuntimeCELCostBudget and -MatchConditions).
 */
const costPerRequest = 10_000_000;
const costOfConditions = 2_500_000;

export interface ExpressionOptions {
  params: boolean;
  /** Composed variables that are declared before this expression. */
  variables: ReadonlyMap<string, CelType> | undefined;
  /** Objects and JSON patches may be written down. */
  constructs?: boolean;
  /** The type it must have; any type when left out. */
  result?: CelType['kind'] | readonly CelType['kind'][];
}

const programs = new Map<string, Program | Error>();
const maxPrograms = 5000;

/**
 * Compiles an expression of a policy or webhook; remembered by its text. Throws an error whose
 * message begins with "compilation failed".
 */
export function compileExpression(source: string, options: ExpressionOptions): Program {
  const key = JSON.stringify([
    source,
    options.params,
    options.variables ? [...options.variables.keys()] : null,
    options.constructs,
    options.result,
  ]);
  let known = programs.get(key);
  if (!known) {
    if (programs.size >= maxPrograms) programs.clear();
    programs.set(key, (known = compiled(source, options)));
  }
  if (known instanceof Error) throw known;
  return known;
}

/** What every expression of a policy may name; `params` only where the policy takes some. */
export function variableTypes(params: CelType | undefined): Record<string, CelType> {
  const opaque = (name: string): CelType => ({
    kind: 'opaque',
    name: `kubernetes.authorization.${name}`,
  });
  const types = {
    object: dyn,
    oldObject: dyn,
    request: requestType,
    namespaceObject: namespaceType,
    authorizer: opaque('Authorizer'),
    'authorizer.requestResource': opaque('ResourceCheck'),
  };
  return params ? { ...types, params } : types;
}

function compiled(source: string, options: ExpressionOptions): Program | Error {
  const variables = variableTypes(options.params ? dyn : undefined);
  if (options.variables)
    variables['variables'] = {
      kind: 'object',
      name: 'kubernetes.variables',
      fields: options.variables,
    };
  const structs = (name: string): boolean =>
    name === 'JSONPatch' || name === 'Object' || name.startsWith('Object.');
  try {
    const program = compile(
      source,
      environment(variables, {
        registry: policyRegistry(),
        ...(options.constructs ? { structs } : {}),
      }),
    );
    const wrong = wrongFor(program, options.result);
    return wrong ? new Error(wrong) : program;
  } catch (error) {
    return new Error(`compilation failed: ${(error as Error).message}`);
  }
}

function wrongFor(program: Program, result: ExpressionOptions['result']): string | undefined {
  if (result === undefined) return undefined;
  const kinds = typeof result === 'string' ? [result] : result;
  const wrong = wrongResult(program, ...kinds);
  return wrong && kinds.length > 1
    ? `must evaluate to one of [${kinds.join(' ')}] but got ${showType(program.type)}`
    : wrong;
}

/** Composed variables: each is worked out when it is first asked for. */
class Variables extends CelMap {
  readonly typeName = 'kubernetes.variables';
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #run: (program: Program) => Value;
  readonly #known = new Map<string, Value>();

  constructor(programs: ReadonlyMap<string, Program>, run: (program: Program) => Value) {
    super();
    this.#programs = programs;
    this.#run = run;
  }

  get size(): number {
    return this.#programs.size;
  }

  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined;
    const program = this.#programs.get(key);
    if (!program) return undefined;
    let value = this.#known.get(key);
    if (value === undefined) this.#known.set(key, (value = this.#run(program)));
    return value;
  }

  keys(): Value[] {
    return [...this.#programs.keys()];
  }
}

/** One request as expressions see it. */
export class Evaluation {
  readonly #values: Record<string, Value>;
  #left = costPerRequest;
  #leftOfConditions = costOfConditions;
  #variables: Variables | undefined;

  private constructor(values: Record<string, Value>) {
    this.#values = values;
  }

  static async of(
    server: Server,
    attributes: Attributes,
    resource: ServedResource,
  ): Promise<Evaluation> {
    const { call } = attributes;
    const namespace = call.resource.namespaced
      ? await lookup<Namespace>(server.core, registryKey(refs.namespaces, '', call.namespace))
      : undefined;
    const authorizer = new AuthorizerValue(call.user, decisionsFor(attributes, server.authorize));
    const { group, resource: plural } = call.resource;
    return new Evaluation({
      object:
        attributes.operation === 'DELETE'
          ? null
          : shown(inVersion(attributes.object, call.resource, resource)),
      oldObject: shown(inVersion(attributes.old, call.resource, resource)),
      request: fromJson(requestOf(attributes, resource)),
      namespaceObject: namespace ? fromJson(namespace) : null,
      authorizer,
      'authorizer.requestResource': new ResourceCheck(authorizer, {
        group,
        resource: plural,
        subresource: call.subresource,
        namespace: call.namespace,
        name: call.name,
      }),
    });
  }

  /** The same request with parameters; what was worked out before does not count. */
  withParams(params: KubeObject | undefined): Evaluation {
    return new Evaluation({ ...this.#values, params: shown(params) });
  }

  /** The same request with all of the budget. */
  afresh(): Evaluation {
    return new Evaluation(this.#values);
  }

  declare(programs: ReadonlyMap<string, Program>): void {
    this.#variables = new Variables(programs, (program) => this.#once(program));
  }

  /** What the expression comes to. Throws what its evaluation throws. */
  run(program: Program): Promise<Value> {
    return this.#settled(() => this.#once(program));
  }

  /** A match condition: these have a budget of their own. */
  async holds(condition: Program): Promise<boolean> {
    const run = (): Value => {
      const meter = new Meter(Math.min(costPerCall, this.#leftOfConditions));
      try {
        return condition.evaluate((name) => this.#values[name], meter);
      } finally {
        this.#leftOfConditions -= meter.spent;
      }
    };
    return (await this.#settled(run)) !== false;
  }

  /**
   * Evaluates again each time a decision has come that it wanted; each may pay for two at most
   * (`checkCost`), so that ends soon.
   */
  async #settled(run: () => Value): Promise<Value> {
    for (;;) {
      const [left, leftOfConditions] = [this.#left, this.#leftOfConditions];
      try {
        return run();
      } catch (error) {
        if (!(error instanceof Undecided)) throw error;
        await error.decided;
        [this.#left, this.#leftOfConditions] = [left, leftOfConditions];
      }
    }
  }

  #once(program: Program): Value {
    const meter = new Meter(Math.min(costPerCall, this.#left));
    try {
      return program.evaluate(
        (name) => (name === 'variables' ? this.#variables : this.#values[name]),
        meter,
      );
    } finally {
      this.#left -= meter.spent;
    }
  }
}

const shown = (object: KubeObject | undefined): Value => (object ? fromJson(object) : null);

function requestOf(
  { call, operation, object, old, options }: Attributes,
  resource: ServedResource,
): object {
  const kind = { group: resource.group, version: resource.version, kind: resource.kind };
  const { user } = call;
  return {
    kind,
    requestKind: {
      group: call.resource.group,
      version: call.resource.version,
      kind: call.resource.kind,
    },
    resource: { group: resource.group, version: resource.version, resource: resource.resource },
    requestResource: {
      group: call.resource.group,
      version: call.resource.version,
      resource: call.resource.resource,
    },
    ...(call.subresource
      ? { subResource: call.subresource, requestSubResource: call.subresource }
      : {}),
    name: call.name || ((object ?? old)?.metadata?.name ?? ''),
    namespace: call.namespace,
    operation,
    userInfo: {
      username: user.name,
      uid: user.uid ?? '',
      groups: user.groups,
      extra: user.extra ?? {},
    },
    dryRun: call.dryRun,
    options: options ?? {},
  };
}
