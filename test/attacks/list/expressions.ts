import { randomBytes } from 'node:crypto';
import { at, type Answer, type Json, type Target } from '../target.ts';
import { each, type Attack } from '../attack.ts';

/** An answer to an expression may take this long, refused or not, on a machine of its own. */
const maxMs = 2000;
/** How much processor a look at the machine costs. */
const spinMs = 30;

/** How many times longer work takes now than where nobody else wants the processor. */
function crowding(): number {
  const [began, used] = [performance.now(), process.cpuUsage()];
  const spent = (): number => {
    const { user, system } = process.cpuUsage(used);
    return (user + system) / 1000;
  };
  while (spent() < spinMs);
  return Math.max(1, (performance.now() - began) / spent());
}
const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const bindings = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings';

const text: Json = { type: 'string' };
const texts: Json = { type: 'array', items: text };
const map: Json = { type: 'object', additionalProperties: text };
const withRule = (schema: Json, ...rules: (string | Json)[]): Json => ({
  ...schema,
  'x-kubernetes-validations': rules.map((rule) => (typeof rule === 'string' ? { rule } : rule)),
});

function definition(spec: Json): Json {
  const group = `attack-${randomBytes(4).toString('hex')}.example.org`;
  const versions = [
    {
      name: 'v1',
      served: true,
      storage: true,
      schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
    },
  ];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: { group, scope: 'Namespaced', names: { kind: 'Widget', plural: 'widgets' }, versions },
  };
}

/** What is wrong with an answer that should be a quick refusal. */
function refused(answer: Answer, what: string): string | undefined {
  if (answer.status < 400 || answer.status > 499)
    return `${what} answers ${answer.status}: ${answer.text.slice(0, 200)}`;
  return answer.ms > maxMs && answer.ms > maxMs * crowding()
    ? `${what} is refused after ${Math.round(answer.ms)} ms only`
    : undefined;
}

async function refusedRule(target: Target, spec: Json): Promise<string | undefined> {
  return refused(
    await target.call({ method: 'POST', path: `${crds}?dryRun=All`, body: definition(spec) }),
    'the definition',
  );
}

/** A definition that is taken, and then one object of it, whose spec is given as JSON. */
async function tryObject(target: Target, schema: Json, spec: string): Promise<Answer> {
  const made = await target.make(crds, definition(schema));
  const group = String(at(made, 'spec', 'group'));
  const path = `/apis/${group}/v1/namespaces/default/widgets`;
  const body = (more: string): string =>
    `{"apiVersion":"${group}/v1","kind":"Widget","metadata":{"name":"w"}${more}}`;
  // The first write to a new kind may wait, which says nothing of the rules.
  await target.until(
    'the kind takes objects',
    async () =>
      (await target.call({ method: 'POST', path: `${path}?dryRun=All`, body: body('') })).status ===
      201,
  );
  return target.call({ method: 'POST', path, body: body(`,"spec":${spec}`) });
}

const policy = (expression: string): Json => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: { name: `attack-${randomBytes(4).toString('hex')}.example.org` },
  spec: {
    matchConstraints: {
      resourceRules: [
        { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
      ],
    },
    validations: [{ expression }],
  },
});

const unbounded: Record<string, Json> = {
  'nested-all': withRule(texts, 'self.all(a, self.exists_one(b, a == b))'),
  'three-loops': withRule(
    { type: 'array', maxItems: 1000, items: { type: 'integer' } },
    'self.all(a, self.all(b, self.all(c, a + b > c)))',
  ),
  'exists-one': withRule(texts, 'self.exists_one(a, self.exists_one(b, a.contains(b)))'),
  'map-concat': withRule(texts, "self.map(x, x + x).join(',').contains('a')"),
  'split-join': withRule(text, "self.split('').map(c, c + self).join('').size() > 1"),
  matches: withRule(text, 'self.matches(self)'),
  'find-all': withRule(text, "self.findAll('[a-z]+').all(x, x.matches('a+'))"),
  replace: withRule(text, "self.replace('', self).contains('x')"),
  format: withRule(text, "'%s'.format([self]).contains('x')"),
  sets: withRule(texts, 'sets.equivalent(self, self)'),
  sort: withRule(texts, 'self.sort() == self'),
  distinct: withRule(texts, 'self.distinct().size() == self.size()'),
  'map-keys': withRule(map, 'self.all(k, self.all(l, k == l))'),
  'two-variables': withRule(map, 'self.all(k, v, self.exists(l, w, k == w && v == l))'),
  'large-range': withRule(text, 'lists.range(100000000).all(i, i >= 0)'),
  'dear-message': withRule(text, {
    rule: 'self.size() > 1',
    messageExpression: "self.split('').map(c, self + c).join(',')",
  }),
  'many-objects': {
    type: 'array',
    items: {
      type: 'object',
      properties: { inner: { type: 'array', items: withRule(text, "self.contains('abc')") } },
    },
  },
};

const deep: Record<string, string> = {
  brackets: `${'('.repeat(5000)}true${')'.repeat(5000)}`,
  sum: `1${'+1'.repeat(20_000)} == 1`,
  fields: `object${'.a'.repeat(20_000)} == 1`,
  lists: `${'['.repeat(5000)}${']'.repeat(5000)} == []`,
  choices: `${'true ? true : '.repeat(6000)}true`,
  'chains-in-brackets':
    `${'(1+'.repeat(200)}${`1${'+1'.repeat(200)}`}${')'.repeat(200)}${`${'+1'.repeat(200)}`} ` +
    '== 1',
  long: `'${'a'.repeat(200_000)}' == ''`,
  macros: `${'[1].all(x, '.repeat(300)}true${')'.repeat(300)}`,
};

const loops: Record<string, string> = {
  'nested-all':
    'object.data.all(a, object.data.all(b, object.data.all(c, object.data.all(d, a + b + c ' +
    '!= d))))',
  range: 'lists.range(2000).all(a, lists.range(2000).all(b, a >= 0 && b >= 0))',
  'double-text':
    `object.data.all(k, ['x'${'.map(s, s + s)[0]].map(t, t + t'.repeat(40)}]` + '.size() == 0)',
  pattern:
    "object.data.all(k, k.matches('(?:a?){900}a{900}') && " +
    "object.data[k].matches('(?:(?:a?){30}){30}b'))",
  replace:
    "object.data.all(k, object.data[k].replace('', object.data[k]).replace('', " +
    "object.data[k]).replace('', object.data[k]).size() < 0)",
};

/** Expressions of users end as a refusal, whatever they would come to. */
export const attacks: Attack[] = [
  ...each('rule-of-unbounded-cost', unbounded, refusedRule),
  ...each(
    'expression-too-deep',
    deep,
    async (target, expression) =>
      (await refusedRule(
        target,
        withRule(
          { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          expression.replaceAll('object', 'self'),
        ),
      )) ??
      refused(
        await target.call({
          method: 'POST',
          path: `${policies}?dryRun=All`,
          body: policy(expression),
        }),
        'the policy',
      ),
  ),
  ...each(
    'rule-that-grows',
    {
      doubled:
        '[self].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, ' +
        'a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, ' +
        'a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, ' +
        'a + a).map(a, a + a).map(a, a + a)[0].size() == 0',
      replaced:
        "self.replace('', self).replace('', self).replace('', self).replace('', self).size() == 0",
      joined:
        "self.split('').map(a, self).map(b, self.split('').map(c, " +
        "self).join('')).join('').size() == 0",
      listed:
        '[[self]].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + ' +
        'a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + ' +
        'a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + ' +
        'a).map(a, a + a).map(a, a + a).map(a, a + a)[0].size() == 0',
    },
    async (target, rule) => {
      const schema = withRule({ type: 'string', maxLength: 200 }, rule);
      const answer = await target.call({
        method: 'POST',
        path: `${crds}?dryRun=All`,
        body: definition(schema),
      });
      // One that the estimate lets through must be stopped when it runs.
      return answer.status === 201
        ? refused(await tryObject(target, schema, JSON.stringify('a'.repeat(200))), 'the object')
        : refused(answer, 'the definition');
    },
  ),
  ...each('deep-object-with-rules', { lists: '[', maps: '{"a":' }, async (target, open) => {
    const schema: Json = {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      ...withRule(
        { properties: { name: text } },
        "!has(self.name) || self.name != 'x'",
        'self == oldSelf || true',
      ),
    };
    const answer = await tryObject(
      target,
      schema,
      `{"x":${open.repeat(2000)}1${(open === '[' ? ']' : '}').repeat(2000)}}`,
    );
    return answer.status >= 500 || (answer.ms > maxMs && answer.ms > maxMs * crowding())
      ? `2000 levels answer ${answer.status} after ${Math.round(answer.ms)} ms: ` +
          `${answer.text.slice(0, 200)}`
      : undefined;
  }),
  ...each('policy-that-loops', loops, async (target, expression) => {
    const made = await target.call({ method: 'POST', path: policies, body: policy(expression) });
    if (made.status !== 201) return refused(made, 'the policy');
    const name = String(at(made.json, 'metadata', 'name'));
    target.later(() => target.call({ method: 'DELETE', path: `${policies}/${name}` }));
    const ns = name.slice(0, 15);
    await target.make('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: ns },
    });
    await target.make(bindings, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name },
      spec: {
        policyName: name,
        validationActions: ['Deny'],
        matchResources: {
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': ns } },
        },
      },
    });
    const data = Object.fromEntries(
      Array.from({ length: 300 }, (_, i) => [`k${i}`, 'a'.repeat(1000)]),
    );
    let answer: Answer | undefined;
    // A policy counts a moment after it is made.
    await target.until(
      'the policy counts',
      async () =>
        (answer = await target.call({
          method: 'POST',
          path: `/api/v1/namespaces/${ns}/configmaps?dryRun=All`,
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data },
        })).status !== 201,
      10_000,
    );
    return answer && refused(answer, 'the object');
  }),
];
