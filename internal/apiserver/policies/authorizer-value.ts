import { standardRegistry } from '../../api/cel/libraries/standard.ts';
import { Opaque, type Value } from '../../api/cel/values.ts';
import type { AccessRequest, Decision } from '../authz/authorizer.ts';
import type { UserInfo } from '../options.ts';

type Authorize = (request: AccessRequest) => Decision;

const authorizer = 'kubernetes.authorization.Authorizer';

abstract class CheckValue extends Opaque {
  equals(other: Value): boolean {
    return this === other;
  }
}

/** `authorizer` of policies: asks what the user of the request (or an account) may do. */
export class AuthorizerValue extends CheckValue {
  readonly typeName = authorizer;
  readonly user: UserInfo;
  readonly authorize: Authorize;
  constructor(user: UserInfo, authorize: Authorize) {
    super();
    this.user = user;
    this.authorize = authorize;
  }
}

class PathCheck extends CheckValue {
  readonly typeName = 'kubernetes.authorization.PathCheck';
  readonly of: AuthorizerValue;
  readonly path: string;
  constructor(of: AuthorizerValue, path: string) {
    super();
    this.of = of;
    this.path = path;
  }
}

/** A group, or a resource of it with what narrows it. */
export class ResourceCheck extends CheckValue {
  readonly typeName: string;
  readonly of: AuthorizerValue;
  readonly asked: Partial<AccessRequest>;
  constructor(of: AuthorizerValue, asked: Partial<AccessRequest>) {
    super();
    this.typeName = asked.resource === undefined ? 'kubernetes.authorization.GroupCheck' : 'kubernetes.authorization.ResourceCheck';
    this.of = of;
    this.asked = asked;
  }

  with(more: Partial<AccessRequest>): ResourceCheck {
    return new ResourceCheck(this.of, { ...this.asked, ...more });
  }
}

class DecisionValue extends CheckValue {
  readonly typeName = 'kubernetes.authorization.Decision';
  readonly decision: Decision;
  constructor(decision: Decision) {
    super();
    this.decision = decision;
  }
}

let defined = false;

/** The standard functions and those of the authorizer; the latter fit no other value, so all may share one registry. */
export function policyRegistry(): ReturnType<typeof standardRegistry> {
  const registry = standardRegistry();
  if (defined) return registry;
  defined = true;
  const [path, group, resource, decision] = ['PathCheck', 'GroupCheck', 'ResourceCheck', 'Decision'].map((name) => `kubernetes.authorization.${name}`);
  const narrow = (key: keyof AccessRequest) => (check: ResourceCheck, value: string) => check.with({ [key]: value });
  registry.define(`${authorizer}->path(string): ${path}`, (of: AuthorizerValue, text: string) => new PathCheck(of, text));
  registry.define(`${authorizer}->group(string): ${group}`, (of: AuthorizerValue, name: string) => new ResourceCheck(of, { group: name }));
  registry.define(`${authorizer}->serviceAccount(string, string): ${authorizer}`, (of: AuthorizerValue, namespace: string, name: string) => {
    const user = { name: `system:serviceaccount:${namespace}:${name}`, groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'] };
    return new AuthorizerValue(user, of.authorize);
  });
  registry.define(`${path}->check(string): ${decision}`, (check: PathCheck, verb: string) => new DecisionValue(check.of.authorize({ user: check.of.user, verb, path: check.path })));
  registry.define(`${group}->resource(string): ${resource}`, narrow('resource'));
  registry.define(`${resource}->subresource(string): ${resource}`, narrow('subresource'));
  registry.define(`${resource}->namespace(string): ${resource}`, narrow('namespace'));
  registry.define(`${resource}->name(string): ${resource}`, narrow('name'));
  for (const selector of ['fieldSelector', 'labelSelector']) registry.define(`${resource}->${selector}(string): ${resource}`, (check: ResourceCheck, _text: string) => check);
  registry.define(`${resource}->check(string): ${decision}`, (check: ResourceCheck, verb: string) => new DecisionValue(check.of.authorize({ user: check.of.user, namespace: '', name: '', subresource: '', ...check.asked, verb })));
  registry.define(`${decision}->allowed(): bool`, (one: DecisionValue) => one.decision.allowed);
  registry.define(`${decision}->reason(): string`, (one: DecisionValue) => one.decision.reason);
  registry.define(`${decision}->errored(): bool`, (_one: DecisionValue) => false);
  registry.define(`${decision}->error(): string`, (_one: DecisionValue) => '');
  return registry;
}
