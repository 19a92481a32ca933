import { describe, expect, test } from 'vitest';
import * as names from './names.ts';

const good: [string, names.NameCheck, string[]][] = [
  ['dns1123Label', names.dns1123Label, ['a', '0', 'a-b', 'a'.repeat(63)]],
  ['dns1123Subdomain', names.dns1123Subdomain, ['a', 'a.b', '1.2.3', 'a'.repeat(253)]],
  ['dns1123SubdomainWithUnderscore', names.dns1123SubdomainWithUnderscore, ['_a.b', 'a_b']],
  ['dns1035Label', names.dns1035Label, ['a', 'a-1']],
  ['wildcardDns1123Subdomain', names.wildcardDns1123Subdomain, ['*.a.b']],
  ['qualifiedName', names.qualifiedName, ['a', 'A_b.c', 'example.com/a', 'a.b/C-d']],
  ['validLabelValue', names.validLabelValue, ['', 'a', 'A.b_c-d', '12345']],
  ['validPortName', names.validPortName, ['http', 'a-1', '1a']],
  ['validPercent', names.validPercent, ['1%', '100%']],
  ['validHeaderName', names.validHeaderName, ['X-A']],
  ['validCIdentifier', names.validCIdentifier, ['_a', 'A1']],
  ['validEnvVarName', names.validEnvVarName, ['a', 'A.B-c_d']],
  ['validRelaxedEnvVarName', names.validRelaxedEnvVarName, ['1 a:b']],
  ['validConfigMapKey', names.validConfigMapKey, ['a', '.a', 'A_b.c']],
  ['pathSegmentName', names.pathSegmentName, ['a:b', 'A b', '']],
];
test.each(good)('%s takes good names', (_title, check, values) => {
  for (const value of values) expect(check(value)).toEqual([]);
});

describe('messages', () => {
  const bad: [names.NameCheck, string, string[]][] = [
    [
      names.dns1123Label,
      'A',
      [
        'a lowercase RFC 1123 label must consist of lower case alphanumeric characters or ' +
          "'-', and must start and end with an alphanumeric character (e.g. 'my-name',  or " +
          "'123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [names.dns1123Label, 'a.b', ['must not contain dots']],
    [names.dns1123Label, 'a'.repeat(64), ['must be no more than 63 characters']],
    [
      names.dns1123Subdomain,
      'A_b',
      [
        'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ' +
          "'-' or '.', and must start and end with an alphanumeric character (e.g. " +
          "'example.com', regex used for validation is " +
          "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
      ],
    ],
    [
      names.dns1035Label,
      '1a',
      [
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start " +
          'with an alphabetic character, and end with an alphanumeric character (e.g. ' +
          "'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
      ],
    ],
    [
      names.qualifiedName,
      'a b',
      [
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start " +
          "and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or " +
          "'123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
    ],
    [names.qualifiedName, '/a', ['prefix part must be non-empty']],
    [names.qualifiedName, `a/${'b'.repeat(64)}`, ['name part must be no more than 63 bytes']],
    [names.validLabelValue, 'a'.repeat(64), ['must be no more than 63 bytes']],
    [
      names.validPortName,
      'A',
      [
        'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        'must contain at least one letter (a-z)',
      ],
    ],
    [
      names.validPortName,
      '-a--b',
      ['must not contain consecutive hyphens', 'must not begin or end with a hyphen'],
    ],
    [
      names.validPercent,
      '1',
      [
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. " +
          "'1%',  or '93%', regex used for validation is '[0-9]+%')",
      ],
    ],
    [names.validConfigMapKey, '..', ["must not be '..'"]],
    [names.validConfigMapKey, '..a', ["must not start with '..'"]],
    [names.validRelaxedEnvVarName, '', ['environment variable name must be non-empty']],
    [names.pathSegmentName, '..', ["may not be '..'"]],
    [names.pathSegmentName, 'a/b%', ["may not contain '/'", "may not contain '%'"]],
  ];
  test.each(bad)('%o %j', (check, value, messages) => expect(check(value)).toEqual(messages));
  test('too many slashes', () =>
    expect(names.qualifiedName('a/b/c')[0]).toContain('a valid label key must consist of'));
  test('ports', () => {
    expect(names.validPortNumber(0)).toEqual(['must be between 1 and 65535, inclusive']);
    expect(names.validPortNumber(80)).toEqual([]);
  });
  test('a prefix may end in a dash', () => {
    expect(names.checkPrefix(names.dns1123Label, 'web-')).toEqual([]);
    expect(names.checkPrefix(names.dns1123Label, '-')).toHaveLength(1);
  });
});
