import { table } from '../../../base/own.ts';
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  qualifiedName,
  validLabelValue,
} from '../../names.ts';
import type { Registry } from '../registry.ts';
import { Opaque, Optional, type Value } from '../values.ts';

class FormatValue extends Opaque {
  readonly typeName = 'kubernetes.NamedFormat';
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }

  equals(other: Value): boolean {
    return other instanceof FormatValue && other.name === this.name;
  }
}

const matching =
  (pattern: RegExp, what: string) =>
  (text: string): string[] =>
    pattern.test(text) ? [] : [`does not match the ${what} format`];
const isDate = (text: string): string[] => (Number.isNaN(Date.parse(text)) ? ['invalid date'] : []);

/** Function name -> [name for format.named, check]. */
const checks: Record<string, (text: string) => string[]> = table({
  dns1123Label,
  dns1123Subdomain,
  dns1035Label,
  qualifiedName,
  dns1123LabelPrefix: (text) => dns1123Label(text.replace(/-$/, 'a')),
  dns1123SubdomainPrefix: (text) => dns1123Subdomain(text.replace(/-$/, 'a')),
  dns1035LabelPrefix: (text) => dns1035Label(text.replace(/-$/, 'a')),
  labelValue: validLabelValue,
  uri: matching(/^(?:[A-Za-z][A-Za-z0-9+.-]*:|\/)\S*$/, 'URI'),
  uuid: matching(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i, 'UUID'),
  byte: matching(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'base64'),
  date: (text) => [...matching(/^\d{4}-\d\d-\d\d$/, 'date')(text), ...isDate(text)],
  datetime: (text) => [
    ...matching(/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d/, 'date-time')(text),
    ...isDate(text),
  ],
});

function validate(format: FormatValue, text: string): Optional {
  const found = checks[format.name]?.(text) ?? [];
  return found.length ? new Optional(found) : new Optional();
}

export function formats(registry: Registry): void {
  for (const name of Object.keys(checks))
    registry.define(`format.${name}(): kubernetes.NamedFormat`, () => new FormatValue(name));
  registry.define('format.named(string): optional<kubernetes.NamedFormat>', (name: string) =>
    Object.hasOwn(checks, name) ? new Optional(new FormatValue(name)) : new Optional(),
  );
  registry.define('kubernetes.NamedFormat->validate(string): optional<list<string>>', validate);
}
