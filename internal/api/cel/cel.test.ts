import { describe, expect, it } from 'vitest';
import { compile, environment } from './compile.ts';
import { Meter } from './evaluate.ts';
import { int, listOf, string, type CelType } from './types.ts';
import { fromJson, toJson } from './values.ts';

const pod = {
  metadata: { name: 'web-0', namespace: 'prod', labels: { app: 'web', 'a/b': 'c' } },
  spec: {
    replicas: 3,
    ratio: 0.5,
    containers: [
      { name: 'a', image: 'x:1' },
      { name: 'b', image: 'y:2', args: [] },
    ],
  },
};

const env = environment(['object', 'oldObject']);
const run = (source: string): unknown =>
  toJson(
    compile(source, env).evaluate((name) =>
      name === 'object' ? fromJson(pod) : name === 'oldObject' ? null : undefined,
    ),
  );
const typed = (variables: Record<string, CelType>, source: string): string => {
  try {
    compile(source, environment(variables));
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('expressions that hold', () => {
  it.each([
    '1 + 2 * 3 == 7 && -7 / 2 == -3 && -7 % 2 == -1 && 7u / 2u == 3u',
    'dyn(1) == 1.0 && 1u < 2 && 2.5 > 2 && !(dyn(1) == "1")',
    '0xff == 255 && 1e3 == 1000.0 && .5 == 0.5',
    "'a' + \"b\" == 'ab' && r'\\d' == '\\\\d' && '''x'y''' == \"x'y\" && '\\u00e9' == 'é'",
    "b'\\xff' != b'\\377a' && size(b'abc') == 3 && bytes('é') == b'é'",
    '[1, 2] + [3] == [1, 2, 3] && 2 in [1, 2] && !(4 in [1])',
    "{'a': 1}.a == 1 && {'a': 1}['a'] == 1 && 'a' in {'a': 1} && {1: 'x'}[1] == 'x'",
    'has(object.spec.replicas) && !has(object.spec.paused) && object.spec.replicas > 2',
    "object.metadata.labels['a/b'] == 'c' && object.metadata.namespace == 'prod'",
    "object.spec.containers.all(c, c.name != '') && object.spec.containers.exists(c, c.image " +
      "== 'y:2')",
    "object.spec.containers.exists_one(c, c.name == 'a') && object.spec.containers.map(c, " +
      "c.name) == ['a', 'b']",
    'object.spec.containers.filter(c, has(c.args)).size() == 1 && [1,2,3].map(x, x > 1, x * ' +
      '2) == [4, 6]',
    "[1, 2].all(i, v, v == i + 1) && {'a': 1}.exists(k, v, k == 'a' && v == 1)",
    "[1, 2].transformList(i, v, i * v) == [0, 2] && {'a': 1}.transformMap(k, v, v + 1) == {'a': 2}",
    'true || 1 / 0 == 1',
    '1 / 0 == 1 || true',
    '[0, 1].exists(x, 1 / x == 1)',
    'object.spec.replicas > 1 ? true : object.missing',
    'object.?spec.?replicas.orValue(0) == 3 && object.?status.?x.orValue(7) == 7 && ' +
      '!object.?status.hasValue()',
    'optional.of(1).optMap(x, x + 1).value() == 2 && ' +
      "object.metadata.labels[?'zz'].orValue('n') == 'n'",
    "[?optional.none(), ?optional.of(1)] == [1] && {?'a': optional.none()} == {}",
    'optional.of(3).optMap(x, x * x).value() == 9',
    "timestamp('2024-02-29T12:34:56.789Z').getDayOfYear() == 59 && " +
      "timestamp('2024-01-01T00:00:00Z') + duration('1h30m') == " +
      "timestamp('2024-01-01T01:30:00Z')",
    "timestamp('2024-01-01T00:00:00Z').getHours('Europe/Berlin') == 1 && " +
      "timestamp('2024-01-01T00:00:00Z').getHours('-02:00') == 22",
    "duration('90s').getMinutes() == 1 && string(duration('1.5s')) == '1.5s' && " +
      "int(timestamp('1970-01-01T00:00:10Z')) == 10",
    "'hello world'.matches('^h.*d$') && 'abc'.contains('b') && 'abc'.startsWith('a') && " +
      "'abc'.endsWith('c')",
    "'a,b,c'.split(',') == ['a', 'b', 'c'] && ['a', 'b'].join('-') == 'a-b' && " +
      "'a,b,c'.split(',', 2) == ['a', 'b,c']",
    "'aXa'.replace('a', 'b') == 'bXb' && 'AbC'.lowerAscii() == 'abc' && 'AbC'.upperAscii() " +
      "== 'ABC' && ' x '.trim() == 'x'",
    "'tacocat'.substring(1, 4) == 'aco' && 'tacocat'.indexOf('c') == 2 && " +
      "'tacocat'.lastIndexOf('c') == 4 && 'abc'.charAt(1) == 'b'",
    "'%s is %d, %.2f, %x'.format(['a', 3, 1.5, 255]) == 'a is 3, 1.50, ff'",
    "'abc 123 de 45'.findAll('[0-9]+') == ['123', '45'] && 'abc 123'.find('[0-9]+') == '123'",
    '[3, 1, 2].max() == 3 && [3, 1, 2].min() == 1 && [1, 2].sum() == 3 && [1.5, 2.0].sum() ' +
      '== 3.5 && [].sum() == 0',
    "[1, 2, 2].isSorted() && !['b', 'a'].isSorted() && ['a', 'b', 'a'].indexOf('b') == 1 && " +
      "['a', 'b', 'a'].lastIndexOf('a') == 2",
    "quantity('1Gi').isGreaterThan(quantity('500Mi')) && quantity('100m').add(quantity('1')) " +
      "== quantity('1100m') && !isQuantity('1x')",
    "quantity('5').asInteger() == 5 && quantity('1k').compareTo(quantity('1000')) == 0 && " +
      "quantity('-1').sign() == -1",
    "ip('10.0.0.1').family() == 4 && isIP('::1') && !isIP('10.0.0.256') && " +
      "ip('::1').isLoopback() && ip.isCanonical('2001:db8::1')",
    "isIP('::1.2.3.4') && !isIP('::ffff:102:304') && !isIP('fe80::1%eth0') && !isIP('01.2.3.4')",
    "cidr('10.0.0.0/8').containsIP('10.1.2.3') && " +
      "cidr('10.0.0.0/8').containsCIDR(cidr('10.1.0.0/16')) && " +
      "string(cidr('10.1.2.3/8').masked()) == '10.0.0.0/8'",
    "url('https://u@example.com:80/p%20q?a=1&a=2').getHost() == 'example.com:80' && " +
      "url('https://example.com:80/').getPort() == '80' && isURL('/x') && !isURL('x')",
    "url('https://h/p?a=1&a=2').getQuery() == {'a': ['1', '2']} && " +
      "url('https://[::1]:8080/').getHostname() == '::1'",
    'sets.contains([1, 2, 3], [2]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])',
    "format.dns1123Label().validate('a-b') == optional.none() && " +
      "format.named('dns1123Label').value().validate('A').hasValue()",
    "type(1) == int && type('') == string && type(type(1)) == type && type([]) == list && " +
      'type(timestamp(0)) == google.protobuf.Timestamp',
    "int('12') == 12 && double('1.5') == 1.5 && string(1.5) == '1.5' && uint(3) == 3u && " +
      "bool('true') && string(12) == '12'",
    'oldObject == null && [null] == [null] && !(null == dyn(1))',
    "object.spec.ratio * 2.0 == 1.0 && size('日本') == 2",
  ])('%s', (source) => expect(run(source)).toBe(true));
});

describe('expressions that fail when run', () => {
  it.each([
    ['object.status', 'no such key: status'],
    ["'a' + object.spec.replicas", 'no such overload'],
    ['1 / (object.spec.replicas - 3)', 'division by zero'],
    ['9223372036854775807 + object.spec.replicas', 'integer overflow'],
    ['[1][object.spec.replicas]', 'index out of bounds: 3'],
    ["int('x')", 'type conversion error'],
    ["'a'.matches('(')", ''],
    ['object.spec.containers.all(c, c.nothing == 1)', 'no such key: nothing'],
    ['oldObject.spec', 'does not support field selection'],
  ])('%s', (source, message) => expect(() => run(source)).toThrow(message));

  it('stops when the budget is spent', () => {
    const list = Array.from({ length: 725 }, () => 20);
    const program = compile('self.all(x, self.all(y, x == y))', environment(['self']));
    expect(() => program.evaluate(() => fromJson(list))).toThrow('cost limit exceeded');
    const meter = new Meter(1e7);
    expect(program.evaluate(() => fromJson(list), meter)).toBe(true);
  });
});

describe('what is refused before it runs', () => {
  it('names the place as cel-go does', () => {
    expect(typed({}, 'x')).toBe(
      "ERROR: <input>:1:1: undeclared reference to 'x' (in container '')\n | x\n | ^",
    );
    expect(typed({}, '1 +\n  foo(2)')).toBe(
      "ERROR: <input>:2:6: undeclared reference to 'foo' (in container '')\n |   foo(2)\n | .....^",
    );
  });

  const self: CelType = {
    kind: 'object',
    name: 'spec',
    fields: new Map<string, CelType>([
      ['x', int],
      ['names', listOf(string)],
    ]),
  };
  it.each([
    ['... [] bad expression', 'Syntax error'],
    ['self = 42', "Syntax error: token recognition error at: '= '"],
    ['self.z == 100', "undefined field 'z'"],
    ["self.x > '1'", "found no matching overload for '_>_' applied to '(int, string)'"],
    ["'got ' + self.x", "found no matching overload for '_+_' applied to '(string, int)'"],
    [
      'self.names.contains(1)',
      "found no matching overload for 'contains' applied to 'list(string).(int)'",
    ],
    ['self.names.all(n, n)', "expected type 'bool' but found 'string'"],
    ['self.x.all(n, true)', 'cannot be range of a comprehension'],
    ['self.x && true', "found no matching overload for '_&&_' applied to '(int, bool)'"],
    ['Foo{a: 1}', "undeclared reference to 'Foo'"],
    ['has(self)', 'invalid argument to has() macro'],
    ['package', 'reserved identifier: package'],
    ["'open", 'Syntax error'],
    ['(1', 'Syntax error'],
    ['99999999999999999999', 'invalid int literal'],
  ])('%s', (source, message) => expect(typed({ self }, source)).toContain(message));

  it('takes what fits', () => {
    expect(
      typed(
        { self },
        "self.x > 1 && self.names.exists(n, n.startsWith('a')) && size(self.names) < 3",
      ),
    ).toBe('');
    expect(compile('self.names.map(n, n.size())', environment({ self })).type).toEqual(listOf(int));
  });
});

describe('objects under construction', () => {
  const structs = environment(['object'], {
    structs: (name) => name === 'JSONPatch' || /^Object(?:\.|$)/.test(name),
  });
  const build = (source: string): unknown =>
    toJson(compile(source, structs).evaluate(() => fromJson(pod)));

  it('become JSON', () => {
    expect(
      build(
        'Object{spec: Object.spec{replicas: 1337}, metadata: Object.metadata{annotations: ' +
          "{'a': 'b'}}}",
      ),
    ).toEqual({ spec: { replicas: 1337 }, metadata: { annotations: { a: 'b' } } });
    expect(
      build(
        "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), " +
          'value: object.spec.replicas}]',
      ),
    ).toEqual([{ op: 'add', path: '/metadata/labels/a~1b', value: 3 }]);
  });
});
