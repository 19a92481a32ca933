import { refs } from '../../api/generated/refs.ts';
import { registryKey, registryPrefix } from '../../api/registry-key.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
  Subject,
} from '../../api/generated/types/rbac-v1.ts';
import type { Clock } from '../../io/clock.ts';
import type { Log } from '../../io/log.ts';
import type { Store } from '../../store/store.ts';
import { follow, type Followed } from '../follow.ts';
import type { UserInfo } from '../authn/user.ts';
import type { Authorizer, Rules } from './chain.ts';
import { ruleAllows, type AccessRequest, type Decision, type PolicyRule } from './authorizer.ts';

/** Rules that one binding grants, and why. */
interface Grant {
  rules: readonly PolicyRule[];
  why: string;
}

interface Grants {
  cluster: Grant[];
  byNamespace: Map<string, Grant[]>;
}

const kinds = {
  roles: refs.roles,
  rolebindings: refs.roleBindings,
  clusterroles: refs.clusterRoles,
  clusterrolebindings: refs.clusterRoleBindings,
};
type Kind = keyof typeof kinds;

/** More users than this in one go are not remembered at once. */
const maxRememberedUsers = 1000;

/**
 * Answers from the stored RBAC objects. It keeps them by key, told by watches, and works out what a
 * user may do once, until any RBAC object changes.
 */
export class RbacAuthorizer implements Authorizer {
  readonly type = 'RBAC';
  readonly name = 'rbac';
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #objects: Record<Kind, Map<string, unknown>> = {
    roles: new Map(),
    rolebindings: new Map(),
    clusterroles: new Map(),
    clusterrolebindings: new Map(),
  };
  readonly #followed: Followed[] = [];
  #remembered = new Map<string, Grants>();

  constructor(options: { store: Store; clock: Clock; log: Log }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  async start(): Promise<void> {
    for (const kind of Object.keys(kinds) as Kind[]) await this.#follow(kind);
  }

  stop(): void {
    for (const one of this.#followed) one.stop();
  }

  async #follow(kind: Kind): Promise<void> {
    const map = this.#objects[kind];
    const followed = await follow({
      store: this.#store,
      clock: this.#clock,
      log: this.#log,
      name: kind,
      prefix: registryPrefix(kinds[kind]),
      onChanges: (changes) => {
        for (const { key, kv } of changes) {
          if (kv) map.set(key, parse(kv.value));
          else map.delete(key);
        }
        this.#remembered = new Map();
      },
    });
    this.#followed.push(followed);
  }

  authorize(request: AccessRequest): Decision {
    const grants = this.#grantsOf(request.user);
    for (const grant of grants.cluster)
      if (grant.rules.some((rule) => ruleAllows(rule, request)))
        return { allowed: true, reason: grant.why };
    if (request.path === undefined && request.namespace) {
      for (const grant of grants.byNamespace.get(request.namespace) ?? []) {
        if (grant.rules.some((rule) => ruleAllows(rule, request)))
          return { allowed: true, reason: grant.why };
      }
    }
    return { allowed: false, reason: '' };
  }

  rulesFor(user: UserInfo, namespace: string): Rules {
    return { rules: this.heldRules(user, namespace), incomplete: false };
  }

  /** All rules of a user in a namespace ('' = cluster-wide only). */
  heldRules(user: UserInfo, namespace: string): PolicyRule[] {
    const grants = this.#grantsOf(user);
    const all = namespace
      ? [...grants.cluster, ...(grants.byNamespace.get(namespace) ?? [])]
      : grants.cluster;
    const rules = all.flatMap((grant) => grant.rules as PolicyRule[]);
    if (user.groups.includes('system:masters'))
      rules.push(
        { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
        { verbs: ['*'], nonResourceURLs: ['*'] },
      );
    return rules;
  }

  /** The rules behind a roleRef, or undefined when the role is not there. */
  rulesOfRole(
    ref: { kind: string; name: string },
    namespace: string,
  ): readonly PolicyRule[] | undefined {
    const role =
      ref.kind === 'ClusterRole'
        ? (this.#objects.clusterroles.get(registryKey(refs.clusterRoles, '', ref.name)) as
            | ClusterRole
            | undefined)
        : (this.#objects.roles.get(registryKey(refs.roles, namespace, ref.name)) as
            | Role
            | undefined);
    return role ? (role.rules ?? []) : undefined;
  }

  #grantsOf(user: UserInfo): Grants {
    const key = `${user.name}\n${user.groups.join('\n')}`;
    const known = this.#remembered.get(key);
    if (known) return known;
    const grants = this.#compute(user);
    if (this.#remembered.size >= maxRememberedUsers) this.#remembered = new Map();
    this.#remembered.set(key, grants);
    return grants;
  }

  #compute(user: UserInfo): Grants {
    const grants: Grants = { cluster: [], byNamespace: new Map() };
    const bindings = this.#objects.clusterrolebindings.values() as Iterable<ClusterRoleBinding>;
    for (const binding of bindings) {
      const subject = (binding.subjects ?? []).find((s) => subjectMatches(s, user, ''));
      if (!subject) continue;
      const rules = this.rulesOfRole(binding.roleRef, '');
      if (rules)
        grants.cluster.push({
          rules,
          why: whyText('ClusterRoleBinding', binding.metadata.name ?? '', binding.roleRef, subject),
        });
    }
    for (const binding of this.#objects.rolebindings.values() as Iterable<RoleBinding>) {
      const namespace = binding.metadata.namespace ?? '';
      const subject = (binding.subjects ?? []).find((s) => subjectMatches(s, user, namespace));
      if (!subject) continue;
      const rules = this.rulesOfRole(binding.roleRef, namespace);
      if (!rules) continue;
      const list = grants.byNamespace.get(namespace) ?? [];
      list.push({
        rules,
        why: whyText(
          'RoleBinding',
          `${binding.metadata.name}/${namespace}`,
          binding.roleRef,
          subject,
        ),
      });
      grants.byNamespace.set(namespace, list);
    }
    return grants;
  }
}

function parse(value: Uint8Array): unknown {
  return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString());
}

function whyText(
  kind: string,
  name: string,
  role: { kind: string; name: string },
  subject: Subject,
): string {
  const who =
    subject.kind === 'ServiceAccount'
      ? `ServiceAccount "${subject.name}/${subject.namespace}"`
      : `${subject.kind} "${subject.name}"`;
  return `RBAC: allowed by ${kind} "${name}" of ${role.kind} "${role.name}" to ${who}`;
}

function subjectMatches(subject: Subject, user: UserInfo, namespace: string): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.name === user.name;
    case 'Group':
      return user.groups.includes(subject.name);
    case 'ServiceAccount':
      return (
        user.name === `system:serviceaccount:${subject.namespace || namespace}:${subject.name}`
      );
    default:
      return false;
  }
}
