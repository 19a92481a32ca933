import { dns1123Subdomain, regexMessage } from '../names.ts';
import type { Problems } from './problems.ts';

const httpPath = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";

/** `acme.io/foo` */
export function checkDomainPath(problems: Problems, value: string, field: string): void {
  const slash = value.indexOf('/');
  const [host, rest] = [value.slice(0, slash), value.slice(slash + 1)];
  if (!value) problems.required(field);
  else if (slash <= 0 || !rest)
    problems.invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")');
  else {
    for (const m of dns1123Subdomain(host)) problems.invalid(field, host, m);
    if (!new RegExp(`^${httpPath}$`).test(rest))
      problems.invalid(field, rest, regexMessage('Invalid path', httpPath));
  }
}
