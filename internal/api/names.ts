/**
 * The forms of names in Kubernetes (apimachinery util/validation). Each function returns what is
 * wrong, in Kubernetes' words; nothing means the name is good.
 */
const label1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain1123 = `${label1123}(\\.${label1123})*`;
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const underscoreLabel = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const underscoreSubdomain = `${underscoreLabel}(\\.${underscoreLabel})*`;
const qualified = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = `(${qualified})?`;
const envVarName = '[-._a-zA-Z][-._a-zA-Z0-9]*';
const configKey = '[-._a-zA-Z0-9]+';
const headerName = '[-A-Za-z0-9]+';
const cIdentifier = '[A-Za-z_][A-Za-z0-9_]*';
const httpPath = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";

const whole = (source: string): RegExp => new RegExp(`^${source}$`);
const label1123Whole = whole(label1123);
const subdomain1123Whole = whole(subdomain1123);
const label1035Whole = whole(label1035);
const underscoreSubdomainWhole = whole(underscoreSubdomain);
const qualifiedWhole = whole(qualified);
const labelValueWhole = whole(labelValue);
const envVarNameWhole = whole(envVarName);
const configKeyWhole = whole(configKey);
const headerNameWhole = whole(headerName);
const cIdentifierWhole = whole(cIdentifier);
const httpPathWhole = whole(httpPath);
const wildcardSubdomainWhole = whole(`\\*\\.${subdomain1123}`);

export const maxLabelLength = 63;
export const maxSubdomainLength = 253;

const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or " +
  "'.', and must start and end with an alphanumeric character";
const qualifiedRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
  'alphanumeric character';

/** `rule (e.g. 'a', or 'b', regex used for validation is '...')`. */
export function regexMessage(rule: string, source: string, ...examples: string[]): string {
  if (examples.length === 0) return `${rule} (regex used for validation is '${source}')`;
  return (
    `${rule} (e.g. ${examples.map((e) => `'${e}', `).join(' or ')}regex used for validation is ` +
    `'${source}')`
  );
}

export const tooManyCharacters = (limit: number): string =>
  `must be no more than ${limit} characters`;
export const tooManyBytes = (limit: number): string => `must be no more than ${limit} bytes`;
export const outOfRange = (low: number, high: number): string =>
  `must be between ${low} and ${high}, inclusive`;

const byteLength = (text: string): number => Buffer.byteLength(text);

export function dns1123Label(value: string): string[] {
  const wrong: string[] = [];
  if (byteLength(value) > maxLabelLength) wrong.push(tooManyCharacters(maxLabelLength));
  if (!label1123Whole.test(value)) {
    if (subdomain1123Whole.test(value)) wrong.push('must not contain dots');
    else
      wrong.push(
        regexMessage(
          'a lowercase RFC 1123 label must consist of lower case alphanumeric characters or ' +
            "'-', and must start and end with an alphanumeric character",
          label1123,
          'my-name',
          '123-abc',
        ),
      );
  }
  return wrong;
}

export function dns1123Subdomain(value: string): string[] {
  const wrong: string[] = [];
  if (byteLength(value) > maxSubdomainLength) wrong.push(tooManyCharacters(maxSubdomainLength));
  if (!subdomain1123Whole.test(value))
    wrong.push(regexMessage(subdomainRule, subdomain1123, 'example.com'));
  return wrong;
}

export function dns1123SubdomainWithUnderscore(value: string): string[] {
  const wrong: string[] = [];
  if (byteLength(value) > maxSubdomainLength) wrong.push(tooManyCharacters(maxSubdomainLength));
  if (!underscoreSubdomainWhole.test(value)) {
    const rule =
      'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, ' +
      "'_', '-' or '.', and must start and end with an alphanumeric character";
    wrong.push(regexMessage(rule, underscoreSubdomain, 'example.com'));
  }
  return wrong;
}

export function dns1035Label(value: string): string[] {
  const wrong: string[] = [];
  if (byteLength(value) > maxLabelLength) wrong.push(tooManyCharacters(maxLabelLength));
  if (!label1035Whole.test(value)) {
    const rule =
      "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start " +
      'with an alphabetic character, and end with an alphanumeric character';
    wrong.push(regexMessage(rule, label1035, 'my-name', 'abc-123'));
  }
  return wrong;
}

export function wildcardDns1123Subdomain(value: string): string[] {
  const wrong: string[] = [];
  if (byteLength(value) > maxSubdomainLength) wrong.push(tooManyCharacters(maxSubdomainLength));
  if (!wildcardSubdomainWhole.test(value)) {
    const rule =
      "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS " +
      "subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and " +
      'end with an alphanumeric character';
    wrong.push(regexMessage(rule, `\\*\\.${subdomain1123}`, '*.example.com'));
  }
  return wrong;
}

/** A label or annotation key: an optional DNS prefix and a name. */
export function qualifiedName(value: string): string[] {
  const wrong: string[] = [];
  const parts = value.split('/');
  if (parts.length > 2) {
    return [
      'a valid label key ' +
        `${regexMessage(qualifiedRule, qualified, 'MyName', 'my.name', '123-abc')} with an ` +
        `optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const name = parts[parts.length - 1] ?? '';
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') wrong.push('prefix part must be non-empty');
    else wrong.push(...keyPrefix(prefix).map((m) => `prefix part ${m}`));
  }
  if (name === '') wrong.push('name part must be non-empty');
  else if (byteLength(name) > maxLabelLength)
    wrong.push(`name part ${tooManyBytes(maxLabelLength)}`);
  if (!qualifiedWhole.test(name))
    wrong.push(
      `name part ${regexMessage(qualifiedRule, qualified, 'MyName', 'my.name', '123-abc')}`,
    );
  return wrong;
}

/**
 * The prefix of a label key counts bytes where a name of its own counts characters: upstream has
 * two texts.
 */
function keyPrefix(value: string): string[] {
  return dns1123Subdomain(value).map((m) =>
    m === tooManyCharacters(maxSubdomainLength) ? tooManyBytes(maxSubdomainLength) : m,
  );
}

export function validLabelValue(value: string): string[] {
  const wrong: string[] = [];
  if (byteLength(value) > maxLabelLength) wrong.push(tooManyBytes(maxLabelLength));
  if (!labelValueWhole.test(value)) {
    const rule =
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' " +
      "or '.', and must start and end with an alphanumeric character";
    wrong.push(regexMessage(rule, labelValue, 'MyValue', 'my_value', '12345'));
  }
  return wrong;
}

export function validPortNumber(port: number): string[] {
  return port >= 1 && port <= 65535 ? [] : [outOfRange(1, 65535)];
}

/** An IANA_SVC_NAME (RFC 6335). */
export function validPortName(port: string): string[] {
  const wrong: string[] = [];
  if (byteLength(port) > 15) wrong.push(tooManyCharacters(15));
  if (!/^[-a-z0-9]+$/.test(port))
    wrong.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(port)) wrong.push('must contain at least one letter (a-z)');
  if (port.includes('--')) wrong.push('must not contain consecutive hyphens');
  if (port.startsWith('-') || port.endsWith('-')) wrong.push('must not begin or end with a hyphen');
  return wrong;
}

export function validPercent(value: string): string[] {
  return /^[0-9]+%$/.test(value)
    ? []
    : [
        regexMessage(
          "a valid percent string must be a numeric string followed by an ending '%'",
          '[0-9]+%',
          '1%',
          '93%',
        ),
      ];
}

export function validHeaderName(value: string): string[] {
  return headerNameWhole.test(value)
    ? []
    : [
        regexMessage(
          "a valid HTTP header must consist of alphanumeric characters or '-'",
          headerName,
          'X-Header-Name',
        ),
      ];
}

export function validCIdentifier(value: string): string[] {
  const rule =
    "a valid C identifier must start with alphabetic character or '_', followed by a string " +
    "of alphanumeric characters or '_'";
  return cIdentifierWhole.test(value)
    ? []
    : [regexMessage(rule, cIdentifier, 'my_name', 'MY_NAME', 'MyName')];
}

/** The name of an environment variable, in the strict form. */
export function validEnvVarName(value: string): string[] {
  const wrong: string[] = [];
  if (!envVarNameWhole.test(value)) {
    const rule =
      "a valid environment variable name must consist of alphabetic characters, digits, '_', " +
      "'-', or '.', and must not start with a digit";
    wrong.push(regexMessage(rule, envVarName, 'my.env-name', 'MY_ENV.NAME', 'MyEnvName1'));
  }
  return [...wrong, ...startsLikeParent(value)];
}

/** Any printable ASCII but `=`: what Kubernetes takes since 1.34. */
export function validRelaxedEnvVarName(value: string): string[] {
  const wrong: string[] = [];
  if (value === '') wrong.push('environment variable name must be non-empty');
  if (!/^[ -<>-~]*$/.test(value))
    wrong.push(
      'a valid environment variable name must consist only of printable ASCII characters ' +
        "other than '='",
    );
  return wrong;
}

/** A key of a ConfigMap or Secret: becomes a file name. */
export function validConfigMapKey(value: string): string[] {
  const wrong: string[] = [];
  if (byteLength(value) > maxSubdomainLength) wrong.push(tooManyCharacters(maxSubdomainLength));
  if (!configKeyWhole.test(value)) {
    wrong.push(
      regexMessage(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        configKey,
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  return [...wrong, ...startsLikeParent(value)];
}

function startsLikeParent(value: string): string[] {
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** A name that is one segment of a URL path: what every kind's name must at least be. */
export function pathSegmentName(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((c) => name.includes(c)).map((c) => `may not contain '${c}'`);
}

/** The path part of a domain-prefixed path. */
export function validHttpPath(path: string): string[] {
  return httpPathWhole.test(path) ? [] : [regexMessage('Invalid path', httpPath)];
}

/**
 * A generated suffix hides what a trailing dash or dot of the prefix would break: it is masked
 * before checking.
 */
export function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
}

/** All the functions that check whole object names have this shape. */
export type NameCheck = (name: string) => string[];

/** Checks a generateName prefix with the rule of the name it becomes. */
export function checkPrefix(check: NameCheck, prefix: string): string[] {
  return check(maskTrailingDash(prefix));
}
