import { describe, expect, test, vi } from 'vitest';
import { builtinScheme } from '../../scheme.ts';
import {
  describeField,
  describeType,
  kindDescription,
  listMetadataDescription,
  metadataDescription,
  apiVersionDescription,
} from '../descriptions.ts';
import { OpenApiDocuments } from '../documents.ts';
import { entriesOf, texts, writtenText } from './texts.ts';

type Definition = {
  description?: string;
  properties?: Record<string, { description?: string }>;
  'x-kubernetes-group-version-kind'?: object[];
};
const documents = new OpenApiDocuments(builtinScheme());
const parse = <T>(body: Buffer | undefined): T =>
  JSON.parse((body ?? Buffer.from('{}')).toString()) as T;
const entries = texts.flatMap((text) => [...entriesOf(text())]);
const short = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
const group = (name: string): string => name.split('.').at(-3) ?? '';
const written = (name: string, field?: string): string | undefined =>
  writtenText(group(name), field === undefined ? short(name) : `${short(name)}.${field}`);

/** All types of all documents, of both forms. */
function published(): [string, Definition][] {
  const { definitions } = parse<{ definitions: Record<string, Definition> }>(
    documents.v2Json().body,
  );
  const { paths } = parse<{ paths: object }>(documents.v3Index().body);
  const schemas = Object.keys(paths).flatMap((path) =>
    Object.entries(
      parse<{ components?: { schemas?: Record<string, Definition> } }>(documents.v3At(path)?.body)
        .components?.schemas ?? {},
    ),
  );
  return [...Object.entries(definitions), ...schemas];
}

const types = published();
/** For every kind and list, as constants. */
const standard = new Map([
  ['apiVersion', [apiVersionDescription]],
  ['kind', [kindDescription]],
  ['metadata', [metadataDescription, listMetadataDescription]],
]);

/**
 * What a field says that nobody has to write: a kind's own fields, the items of a list, and the
 * metadata of templates.
 */
function isStandard(
  name: string,
  { properties = {}, ...definition }: Definition,
  field: string,
): boolean {
  const isKind = definition['x-kubernetes-group-version-kind'] !== undefined;
  const words = properties[field]?.description ?? '';
  if (field === 'items')
    return isKind && name.endsWith('List') && words === `The ${short(name).slice(0, -4)} objects.`;
  return (
    (isKind || (field === 'metadata' && name.endsWith('TemplateSpec'))) &&
    (standard.get(field)?.includes(words) ?? false)
  );
}

const isList = (name: string, { properties }: Definition): boolean =>
  name.endsWith('List') && properties !== undefined;

describe('texts of built-in types', () => {
  test('every type and every field has its own', () => {
    expect(types.length).toBeGreaterThan(1000);
    const bare = types.flatMap(([name, definition]) => {
      const fields = Object.keys(definition.properties ?? {}).filter(
        (field) => written(name, field) === undefined && !isStandard(name, definition, field),
      );
      return [
        ...(written(name) === undefined && !isList(name, definition) ? [name] : []),
        ...fields.map((field) => `${name}.${field}`),
      ];
    });
    expect([...new Set(bare)]).toEqual([]);
  });

  test('they are what is published', () => {
    for (const [name, definition] of types) {
      if (!isList(name, definition))
        expect([name, definition.description]).toEqual([name, written(name)]);
      for (const [field, { description }] of Object.entries(definition.properties ?? {}))
        if (!isStandard(name, definition, field))
          expect([name, field, description]).toEqual([name, field, written(name, field)]);
    }
  });

  test('a type of one group alone goes before one that only has the name', () => {
    expect(describeType('io.k8s.api.storage.v1.TokenRequest')).not.toBe(
      describeType('io.k8s.api.authentication.v1.TokenRequest'),
    );
    expect(describeType('io.k8s.api.core.v1.ResourceClaim')).not.toBe(
      describeType('io.k8s.api.resource.v1.ResourceClaim'),
    );
    expect(describeField('io.k8s.api.flowcontrol.v1.Subject', 'user')).toBe('A user.');
  });

  test('what has none gets words from its name', () => {
    expect(describeType('io.k8s.api.example.v1.NewThing')).toBe(
      'NewThing is a type of the API group example.',
    );
    expect(describeField('io.k8s.api.example.v1.NewThing', 'minReadySeconds')).toBe(
      'The min ready seconds of this NewThing.',
    );
  });

  test('a changed text changes the hash that clients hold documents by', async () => {
    vi.resetModules();
    vi.doMock('./texts.ts', () => ({
      texts: [() => '@Pod Something else.'],
      writtenText: () => 'Something else.',
    }));
    const changed = await import('../documents.ts');
    vi.doUnmock('./texts.ts');
    expect(new changed.OpenApiDocuments(builtinScheme()).v3At('api/v1')?.etag).not.toBe(
      documents.v3At('api/v1')?.etag,
    );
  });

  test('each is of a field that is there, is written once, and is a sentence', () => {
    const known = new Map<string, Set<string>>();
    for (const [name, { properties = {} }] of types)
      for (const key of [short(name), `${group(name)}/${short(name)}`])
        known.set(key, new Set([...(known.get(key) ?? []), ...Object.keys(properties)]));
    const seen = new Set<string>();
    for (const [name, text] of entries) {
      const [type = '', field] = name.split('.');
      expect([name, known.has(type)]).toEqual([name, true]);
      expect([name, seen.has(name)]).toEqual([name, false]);
      expect([name, text]).toEqual([name, expect.stringMatching(/^\S.*\.$/)]);
      seen.add(name);
      // Types that share a line need not have all of its fields.
      if (field !== undefined && !known.get(type)?.has(field))
        expect([
          name,
          entries.some(
            ([other, same]) =>
              other.endsWith(`.${field}`) &&
              same === text &&
              known.get(other.split('.')[0] ?? '')?.has(field),
          ),
        ]).toEqual([name, true]);
    }
  });
});
