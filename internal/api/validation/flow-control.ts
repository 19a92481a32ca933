import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  QueuingConfiguration,
  ResourcePolicyRule,
  Subject,
} from '../generated/types/flowcontrol-v1.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import type { Problems } from './problems.ts';
import type { Rule } from './rule.ts';
import { repeats } from './repeats.ts';

const lastPrecedence = 10_000;
const mostQueues = 10_000_000;
const mostBits = 60;
const verbs = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'proxy',
  'update',
  'watch',
];

function checkVerbs(problems: Problems, given: readonly string[] | undefined, path: string): void {
  if (!given?.length) problems.required(path, 'verbs must contain at least one value');
  else if (given.includes('*')) {
    if (given.length > 1)
      problems.invalid(path, given, "if '*' is present, must not specify other verbs");
  } else if (given.some((verb) => !verbs.includes(verb))) problems.notSupported(path, given, verbs);
}

const kinds = { serviceAccount: 'ServiceAccount', user: 'User', group: 'Group' } as const;

function checkSubject(problems: Problems, subject: Subject, path: string): void {
  const own = (Object.keys(kinds) as (keyof typeof kinds)[]).find(
    (name) => kinds[name] === subject.kind,
  );
  if (!own)
    return problems.notSupported(`${path}.kind`, subject.kind ?? '', [
      'Group',
      'ServiceAccount',
      'User',
    ]);
  const at = `${path}.${own}`;
  if (!subject[own])
    problems.required(at, `${own} is required when subject kind is '${subject.kind}'`);
  else if (!subject[own].name) problems.required(`${at}.name`);
  const account = subject.serviceAccount;
  if (own === 'serviceAccount' && account) {
    if (account.name && account.name !== '*')
      problems.check(`${at}.name`, account.name, dns1123Subdomain);
    if (account.namespace) problems.check(`${at}.namespace`, account.namespace, dns1123Label);
    else problems.required(`${at}.namespace`, 'must specify namespace for service account');
  }
  for (const name of Object.keys(kinds) as (keyof typeof kinds)[]) {
    if (name !== own && subject[name])
      problems.forbidden(
        `${path}.${name}`,
        `${name} is forbidden when subject kind is not '${kinds[name]}'`,
      );
  }
}

function checkResourceRule(problems: Problems, rule: ResourcePolicyRule, path: string): void {
  checkVerbs(problems, rule.verbs, `${path}.verbs`);
  const list = (field: 'apiGroups' | 'resources', one: string, many: string): void => {
    const values = rule[field] ?? [];
    if (values.length === 0)
      problems.required(`${path}.${field}`, `resource rules must supply at least one ${one}`);
    else if (values.length > 1 && values.includes('*'))
      problems.invalid(
        `${path}.${field}`,
        values,
        `if '*' is present, must not specify other ${many}`,
      );
  };
  list('apiGroups', 'api group', 'api groups');
  list('resources', 'resource', 'resources');
  const namespaces = rule.namespaces ?? [];
  if (namespaces.length === 0 && !rule.clusterScope)
    problems.required(
      `${path}.namespaces`,
      'resource rules that are not cluster scoped must supply at least one namespace',
    );
  else if (namespaces.includes('*')) {
    if (namespaces.length > 1)
      problems.invalid(
        `${path}.namespaces`,
        namespaces,
        "if '*' is present, must not specify other namespaces",
      );
  } else
    namespaces.forEach((name, i) =>
      dns1123Label(name).forEach((m) =>
        problems.invalid(
          `${path}.namespaces[${i}]`,
          name,
          `each member of this list must be '*' or a DNS-1123 label; ${m}`,
        ),
      ),
    );
}

function pathError(path: string): string | undefined {
  if (!path) return 'must not be empty';
  if (path === '/') return undefined;
  if (!path.startsWith('/')) return 'must start with slash';
  if (path.includes(' ')) return 'must not contain white-space';
  if (path.includes('//')) return 'must not contain double slash';
  const stars = path.split('*').length - 1;
  return stars > 1 || (stars === 1 && !path.endsWith('/*'))
    ? 'wildcard can only do suffix matching'
    : undefined;
}

function checkUrlRule(problems: Problems, rule: NonResourcePolicyRule, path: string): void {
  checkVerbs(problems, rule.verbs, `${path}.verbs`);
  const urls = rule.nonResourceURLs ?? [];
  if (urls.length === 0)
    problems.required(`${path}.nonResourceURLs`, 'nonResourceURLs must contain at least one value');
  else if (urls.includes('*')) {
    if (urls.length > 1)
      problems.invalid(
        `${path}.nonResourceURLs`,
        urls,
        "if '*' is present, must not specify other non-resource URLs",
      );
  } else {
    urls.forEach((url, i) => {
      const wrong = pathError(url);
      if (wrong) problems.invalid(`${path}.nonResourceURLs[${i}]`, url, wrong);
    });
  }
}

function checkRule(problems: Problems, rule: PolicyRulesWithSubjects, path: string): void {
  if (!rule.subjects?.length)
    problems.required(`${path}.subjects`, 'subjects must contain at least one value');
  (rule.subjects ?? []).forEach((subject, i) =>
    checkSubject(problems, subject, `${path}.subjects[${i}]`),
  );
  if (!rule.resourceRules?.length && !rule.nonResourceRules?.length)
    problems.required(
      path,
      'at least one of resourceRules and nonResourceRules has to be non-empty',
    );
  (rule.resourceRules ?? []).forEach((one, i) =>
    checkResourceRule(problems, one, `${path}.resourceRules[${i}]`),
  );
  (rule.nonResourceRules ?? []).forEach((one, i) =>
    checkUrlRule(problems, one, `${path}.nonResourceRules[${i}]`),
  );
}

function checkConditions(problems: Problems, conditions: readonly { type?: string }[]): void {
  const again = repeats(conditions.map((c) => c.type ?? ''));
  conditions.forEach(({ type = '' }, i) => {
    if (again[i]) problems.duplicate(`status.conditions[${i}].type`, type);
    if (!type) problems.required(`status.conditions[${i}].type`);
  });
}

export const flowSchema: Rule<FlowSchema> = {
  name: dns1123Subdomain,
  updates: ['object'],
  spec(problems, { metadata, spec, status }) {
    const precedence = spec?.matchingPrecedence ?? 0;
    if (precedence <= 0)
      problems.invalid('spec.matchingPrecedence', precedence, 'must be a positive value');
    if (precedence > lastPrecedence)
      problems.invalid(
        'spec.matchingPrecedence',
        precedence,
        `must not be greater than ${lastPrecedence}`,
      );
    if (precedence === 1 && metadata.name !== 'exempt')
      problems.invalid(
        'spec.matchingPrecedence',
        precedence,
        "only the schema named 'exempt' may have matchingPrecedence 1",
      );
    const method = spec?.distinguisherMethod;
    if (method && !['ByNamespace', 'ByUser'].includes(method.type))
      problems.notSupported('spec.distinguisherMethod.type', { Type: method.type }, [
        'ByNamespace',
        'ByUser',
      ]);
    const level = spec?.priorityLevelConfiguration?.name;
    if (level) problems.check('spec.priorityLevelConfiguration.name', level, dns1123Subdomain);
    else
      problems.required('spec.priorityLevelConfiguration.name', 'must reference a priority level');
    (spec?.rules ?? []).forEach((rule, i) => checkRule(problems, rule, `spec.rules[${i}]`));
    checkConditions(problems, status?.conditions ?? []);
  },
  subresources: {
    status: (problems, object) => checkConditions(problems, object.status?.conditions ?? []),
  },
};

/** Bits that a hand of a deck takes from a hash. */
function entropyBits(deck: number, hand: number): number {
  let bits = 0;
  for (let i = 0; i < hand; i++) bits += Math.log2(deck - i);
  return Math.ceil(bits);
}

function checkQueuing(
  problems: Problems,
  { queues = 0, handSize = 0, queueLengthLimit = 0 }: QueuingConfiguration,
  path: string,
): void {
  if (queueLengthLimit <= 0)
    problems.invalid(`${path}.queueLengthLimit`, queueLengthLimit, 'must be positive');
  if (queues <= 0) problems.invalid(`${path}.queues`, queues, 'must be positive');
  else if (queues > mostQueues)
    problems.invalid(`${path}.queues`, queues, `must not be greater than ${mostQueues}`);
  if (handSize <= 0) problems.invalid(`${path}.handSize`, handSize, 'must be positive');
  else if (handSize > queues)
    problems.invalid(`${path}.handSize`, handSize, `should not be greater than queues (${queues})`);
  else {
    const bits = entropyBits(queues, handSize);
    if (bits > mostBits)
      problems.invalid(
        `${path}.handSize`,
        handSize,
        `required entropy bits of deckSize ${queues} and handSize ${handSize} should not be ` +
          `greater than ${mostBits}`,
      );
  }
}

function checkShares(
  problems: Problems,
  level: { nominalConcurrencyShares?: number; lendablePercent?: number },
  path: string,
): void {
  const { nominalConcurrencyShares: shares = 0, lendablePercent: percent } = level;
  if (shares < 0)
    problems.invalid(`${path}.nominalConcurrencyShares`, shares, 'must be a non-negative integer');
  if (percent !== undefined && (percent < 0 || percent > 100))
    problems.invalid(`${path}.lendablePercent`, percent, 'must be between 0 and 100, inclusive');
}

function checkLimited(
  problems: Problems,
  limited: NonNullable<PriorityLevelConfiguration['spec']['limited']>,
): void {
  const path = 'spec.limited';
  const { type, queuing } = limited.limitResponse ?? {};
  const response = `${path}.limitResponse`;
  if (!type) problems.required(`${response}.type`);
  else if (type === 'Reject') {
    if (queuing)
      problems.forbidden(
        `${response}.queuing`,
        'must be nil if limited.limitResponse.type is not Limited',
      );
  } else if (type !== 'Queue') problems.notSupported(`${response}.type`, type, ['Queue', 'Reject']);
  else if (!queuing)
    problems.required(
      `${response}.queuing`,
      'must not be empty if limited.limitResponse.type is Limited',
    );
  else checkQueuing(problems, queuing, `${response}.queuing`);
  checkShares(problems, limited, path);
  const borrowing = limited.borrowingLimitPercent ?? 0;
  if (borrowing < 0)
    problems.invalid(
      `${path}.borrowingLimitPercent`,
      borrowing,
      'if specified, must be a non-negative integer',
    );
}

export const priorityLevel: Rule<PriorityLevelConfiguration> = {
  name: dns1123Subdomain,
  updates: ['object'],
  spec(problems, { metadata, spec, status }) {
    const { type, limited, exempt } = spec ?? {};
    if ((metadata.name === 'exempt') !== (type === 'Exempt'))
      problems.invalid(
        'spec.type',
        type ?? '',
        "must be 'Exempt' if and only if `name` is 'exempt'",
      );
    if (type === 'Exempt') {
      if (limited) problems.forbidden('spec.limited', 'must be nil if the type is not Limited');
      if (exempt) checkShares(problems, exempt, 'spec.exempt');
    } else if (type === 'Limited') {
      if (exempt) problems.forbidden('spec.exempt', 'must be nil if the type is Limited');
      if (!limited) problems.required('spec.limited', 'must not be empty when type is Limited');
      else checkLimited(problems, limited);
    } else problems.oneOf('spec.type', type, ['Exempt', 'Limited']);
    checkConditions(problems, status?.conditions ?? []);
  },
  subresources: {
    status: (problems, object) => checkConditions(problems, object.status?.conditions ?? []),
  },
};
