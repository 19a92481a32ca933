import { standardRegistry } from '../../api/cel/libraries/standard.ts';
import { Opaque, type Value } from '../../api/cel/values.ts';
import { CelError } from '../../api/cel/errors.ts';
import { dns1123Label, dns1123Subdomain } from '../../api/names.ts';
import type { AccessRequest, Decision } from '../authz/authorizer.ts';
import { fieldTerms } from '../http/request-info.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Decisions } from './decisions.ts';

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
  readonly decisions: Decisions;
  constructor(user: UserInfo, decisions: Decisions) {
    super();
    this.user = user;
    this.decisions = decisions;
  }

  check(asked: Omit<AccessRequest, 'user'>): DecisionValue {
    return new DecisionValue(this.decisions.of({ user: this.user, ...asked }));
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
    this.typeName =
      asked.resource === undefined
        ? 'kubernetes.authorization.GroupCheck'
        : 'kubernetes.authorization.ResourceCheck';
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

function filled(text: string, what: string): string {
  if (text.trim() === '') throw new CelError(`${what} must not be empty`);
  return text;
}

let defined = false;

/**
 * The standard functions and those of the authorizer; the latter fit no other value, so all may
 * share one registry.
 */
export function policyRegistry(): ReturnType<typeof standardRegistry> {
  const registry = standardRegistry();
  if (defined) return registry;
  defined = true;
  const [path, group, resource, decision] = [
    'PathCheck',
    'GroupCheck',
    'ResourceCheck',
    'Decision',
  ].map((name) => `kubernetes.authorization.${name}`);
  const narrow = (key: keyof AccessRequest) => (check: ResourceCheck, value: string) =>
    check.with({ [key]: value });
  registry.define(
    `${authorizer}->path(string): ${path}`,
    (of: AuthorizerValue, text: string) => new PathCheck(of, filled(text, 'path')),
  );
  registry.define(
    `${authorizer}->group(string): ${group}`,
    (of: AuthorizerValue, name: string) => new ResourceCheck(of, { group: name }),
  );
  registry.define(
    `${authorizer}->serviceAccount(string, string): ${authorizer}`,
    (of: AuthorizerValue, namespace: string, name: string) => {
      if (dns1123Subdomain(name).length > 0) throw new CelError('Invalid service account name');
      if (dns1123Label(namespace).length > 0)
        throw new CelError('Invalid service account namespace');
      const user = {
        name: `system:serviceaccount:${namespace}:${name}`,
        groups: [
          'system:serviceaccounts',
          `system:serviceaccounts:${namespace}`,
          'system:authenticated',
        ],
      };
      return new AuthorizerValue(user, of.decisions);
    },
  );
  registry.define(`${path}->check(string): ${decision}`, (check: PathCheck, verb: string) =>
    check.of.check({ verb, path: check.path }),
  );
  registry.define(`${group}->resource(string): ${resource}`, (check: ResourceCheck, name: string) =>
    check.with({ resource: filled(name, 'resource') }),
  );
  registry.define(`${resource}->subresource(string): ${resource}`, narrow('subresource'));
  registry.define(`${resource}->namespace(string): ${resource}`, narrow('namespace'));
  registry.define(`${resource}->name(string): ${resource}`, narrow('name'));
  // What cannot be read is left out: a question without it is the wider one.
  registry.define(
    `${resource}->fieldSelector(string): ${resource}`,
    (check: ResourceCheck, text: string) => check.with({ fields: fieldTerms(text) }),
  );
  registry.define(`${resource}->labelSelector(string): ${resource}`, narrow('labels'));
  registry.define(`${resource}->check(string): ${decision}`, (check: ResourceCheck, verb: string) =>
    check.of.check({
      version: '*',
      namespace: '',
      name: '',
      subresource: '',
      ...check.asked,
      verb,
    }),
  );
  registry.define(`${decision}->allowed(): bool`, (one: DecisionValue) => one.decision.allowed);
  registry.define(`${decision}->reason(): string`, (one: DecisionValue) => one.decision.reason);
  registry.define(
    `${decision}->errored(): bool`,
    (one: DecisionValue) => one.decision.error !== undefined,
  );
  registry.define(`${decision}->error(): string`, (one: DecisionValue) => one.decision.error ?? '');
  return registry;
}
