import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from '../generated/types/apiextensions-v1.ts';
import { dns1035Label, dns1123Subdomain } from '../names.ts';
import type { FieldError } from '../status.ts';
import { validateConversion } from './conversion-rules.ts';
import { Errors } from './errors.ts';
import type { JsonSchema } from './json-schema.ts';
import { validateRules } from './rule-checks.ts';
import { validateStructural } from './schema-rules.ts';
import { validateColumns, validateScale, validateSelectable } from './version-rules.ts';

const dnsLabel = (value: string): string[] => dns1035Label(value);
const mixedCase = (value: string): string[] =>
  dns1035Label(value.toLowerCase()).map(
    (why) => `may have mixed case, but should otherwise match: ${why}`,
  );

/**
 * Whether a definition can be served. The object has its defaults. `old` is what is stored, if
 * anything is.
 */
export function validateDefinition(
  definition: CustomResourceDefinition,
  old?: CustomResourceDefinition,
): FieldError[] {
  const errors = new Errors();
  const { spec } = definition;
  const plural = spec.names?.plural ?? '';
  const name = definition.metadata.name ?? '';
  const wrongName = dns1123Subdomain(name);
  for (const why of wrongName) errors.invalid('metadata.name', name, why);
  if (!wrongName.length && name !== `${plural}.${spec.group}`)
    errors.invalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group');
  group(definition, errors);
  if (!spec.scope) errors.add('FieldValueRequired', 'spec.scope');
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced')
    errors.add(
      'FieldValueNotSupported',
      'spec.scope',
      spec.scope,
      'supported values: "Cluster", "Namespaced"',
    );
  if (spec.preserveUnknownFields) {
    errors.invalid(
      'spec.preserveUnknownFields',
      true,
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in ' +
        'spec.versions[*].schema instead',
    );
  }
  versions(definition, errors, old);
  names(definition, errors);
  validateConversion(definition, errors);
  stored(definition, errors);
  return errors.list;
}

/** What an established definition keeps. */
export function validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
): FieldError[] {
  const errors = new Errors();
  const established = (old.status?.conditions ?? []).some(
    (condition) => condition.type === 'Established' && condition.status === 'True',
  );
  const fixed = (field: string, now: unknown, before: unknown): void => {
    if (now !== before) errors.invalid(field, now, 'field is immutable');
  };
  if (established) {
    fixed('spec.scope', definition.spec.scope, old.spec.scope);
    fixed('spec.names.kind', definition.spec.names.kind, old.spec.names.kind);
  }
  fixed('spec.group', definition.spec.group, old.spec.group);
  fixed('spec.names.plural', definition.spec.names.plural, old.spec.names.plural);
  const same = JSON.stringify(definition.spec) === JSON.stringify(old.spec);
  return [...errors.list, ...(same ? [] : validateDefinition(definition, old))];
}

const approval = 'api-approved.kubernetes.io';
const approvalPage = 'https://github.com/kubernetes/enhancements/pull/1111';

function group(definition: CustomResourceDefinition, errors: Errors): void {
  const { group } = definition.spec;
  if (!group) return errors.add('FieldValueRequired', 'spec.group');
  const wrong = dns1123Subdomain(group);
  for (const why of wrong) errors.invalid('spec.group', group, why);
  if (!wrong.length && !group.includes('.'))
    errors.invalid('spec.group', group, 'should be a domain with at least one dot');
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(group)) return;
  const given = definition.metadata.annotations?.[approval];
  const field = `metadata.annotations[${approval}]`;
  if (given === undefined)
    errors.add(
      'FieldValueRequired',
      field,
      '',
      `protected groups must have approval annotation "${approval}", see ${approvalPage}`,
    );
  else if (!given.startsWith('unapproved') && !/^[a-z]+:\/\/[^/]+/i.test(given)) {
    errors.invalid(
      field,
      given,
      `protected groups must have approval annotation "${approval}" with either a URL or a ` +
        `reason starting with "unapproved", see ${approvalPage}`,
    );
  }
}

/** Upstream keeps what all versions share in one place, and names that place in its messages. */
function shared<T>(
  list: readonly CustomResourceDefinitionVersion[],
  of: (version: CustomResourceDefinitionVersion) => T,
): boolean {
  const first = JSON.stringify(list[0] && of(list[0]));
  return list.every((version) => JSON.stringify(of(version)) === first);
}

function versions(
  definition: CustomResourceDefinition,
  errors: Errors,
  old: CustomResourceDefinition | undefined,
): void {
  const list = definition.spec.versions ?? [];
  const shown = (): unknown =>
    list.map((v) => ({
      Name: v.name,
      Served: v.served,
      Storage: v.storage,
      Deprecated: v.deprecated ?? false,
      DeprecationWarning: v.deprecationWarning ?? null,
      Schema: null,
      Subresources: null,
      AdditionalPrinterColumns: null,
      SelectableFields: null,
    }));
  list.forEach((version, i) => {
    errors.named(`spec.versions[${i}].name`, version.name, dnsLabel);
    if (version.deprecationWarning !== undefined && !version.deprecated)
      errors.invalid(
        `spec.versions[${i}].deprecationWarning`,
        version.deprecationWarning,
        'can only be set for deprecated versions',
      );
  });
  if (new Set(list.map((version) => version.name)).size !== list.length)
    errors.invalid('spec.versions', shown(), 'must contain unique version names');
  if (list.filter((version) => version.storage).length !== 1)
    errors.invalid(
      'spec.versions',
      shown(),
      'must have exactly one version marked as storage version',
    );
  const first = list[0];
  if (first?.name && dnsLabel(first.name).length)
    errors.named('spec.version', first.name, dnsLabel);
  const once = shared(list, (v) => v.schema);
  const stored = (version: CustomResourceDefinitionVersion): boolean =>
    (old?.spec.versions ?? []).some(
      (before) =>
        before.name === version.name &&
        JSON.stringify(before.schema) === JSON.stringify(version.schema),
    );
  list.forEach((version, i) => {
    const schema = version.schema?.openAPIV3Schema as JsonSchema | undefined;
    if (!schema) errors.add('FieldValueRequired', `spec.versions[${i}].schema.openAPIV3Schema`);
    else if (!once || i === 0)
      checkSchema(
        schema,
        once ? 'spec.validation.openAPIV3Schema' : `spec.versions[${i}].schema.openAPIV3Schema`,
        errors,
        stored(version),
      );
  });
  eachPlace(
    list,
    (v) => v.additionalPrinterColumns,
    'additionalPrinterColumns',
    (version, path) => validateColumns(version.additionalPrinterColumns ?? [], path, errors),
  );
  eachPlace(
    list,
    (v) => v.subresources,
    'subresources',
    (version, path) =>
      version.subresources?.scale &&
      validateScale(version.subresources.scale, `${path}.scale`, errors),
  );
  eachPlace(
    list,
    (v) => v.selectableFields,
    'selectableFields',
    (version, path) => validateSelectable(version, path, errors),
  );
}

/** Rules are compiled against the schema, so it must be in order first. */
function checkSchema(schema: JsonSchema, path: string, errors: Errors, stored: boolean): void {
  const structural = validateStructural(schema, path);
  errors.list.push(...(structural.length ? structural : validateRules(schema, path, stored)));
}

function eachPlace(
  list: CustomResourceDefinitionVersion[],
  of: (v: CustomResourceDefinitionVersion) => unknown,
  name: string,
  check: (v: CustomResourceDefinitionVersion, path: string) => void,
): void {
  const once = shared(list, of);
  list.forEach((version, i) => {
    if (!once) check(version, `spec.versions[${i}].${name}`);
    else if (i === 0) check(version, `spec.${name}`);
  });
}

function names(definition: CustomResourceDefinition, errors: Errors): void {
  const { names } = definition.spec;
  errors.named('spec.names.plural', names?.plural, dnsLabel);
  errors.named('spec.names.singular', names?.singular, dnsLabel);
  errors.named('spec.names.kind', names?.kind, mixedCase);
  errors.named('spec.names.listKind', names?.listKind, mixedCase);
  names?.shortNames?.forEach((name, i) =>
    errors.named(`spec.names.shortNames[${i}]`, name, dnsLabel),
  );
  if (names?.kind && names.kind === names.listKind)
    errors.invalid('spec.names.listKind', names.listKind, 'kind and listKind may not be the same');
  names?.categories?.forEach((name, i) =>
    errors.named(`spec.names.categories[${i}]`, name, dnsLabel),
  );
}

function stored(definition: CustomResourceDefinition, errors: Errors): void {
  const storage = [...(definition.spec.versions ?? [])]
    .reverse()
    .find((version) => version.storage)?.name;
  const given = definition.status?.storedVersions ?? [];
  if (!given.length)
    return errors.invalid(
      'status.storedVersions',
      undefined,
      'must have at least one stored version',
    );
  const known = new Set(definition.spec.versions.map((version) => version.name));
  given.forEach((version, i) => {
    if (!known.has(version))
      errors.invalid(`status.storedVersions[${i}]`, version, 'must appear in spec.versions');
  });
  if (storage && !given.includes(storage))
    errors.invalid('status.storedVersions', given, `must have the storage version ${storage}`);
}
