import { WireWriter } from '../codec/protobuf/writer.ts';
import type { Json } from './definitions.ts';
import type { DocumentV2 } from './v2.ts';

/**
 * The OpenAPI 2 document in gnostic's protobuf form (openapi.v2.Document), which is the only one
 * that client-go's OpenAPISchema asks for. A table per message says how its JSON fields are
 * written.
 */
type Write = (to: WireWriter, number: number, value: unknown) => void;
type Shape = readonly (readonly [field: string, number: number, write: Write])[];

const text: Write = (to, number, value) => to.stringField(number, String(value));
const flag: Write = (to, number, value) => value === true && to.varintField(number, 1);
const int: Write = (to, number, value) => to.varintField(number, Number(value));
const double: Write = (to, number, value) => {
  to.double(Number(value));
  to.tag(number, 1);
};

/** Writes nested content and then its length and tag. */
function nest(to: WireWriter, number: number, body: () => void): void {
  const mark = to.mark;
  body();
  to.close(number, mark);
}

function repeated(write: Write): Write {
  return (to, number, value) => {
    for (const item of [...(value as unknown[])].reverse()) write(to, number, item);
  };
}

/** Any: the value as YAML text, of which JSON is one form. */
const any: Write = (to, number, value) =>
  nest(to, number, () => to.stringField(2, `${JSON.stringify(value)}\n`));

/** `additional_properties`: a list of named values, number 1 the name, 2 the value. */
function namedEntries(to: WireWriter, number: number, map: Json, write: Write): void {
  for (const [name, value] of Object.entries(map).reverse()) {
    nest(to, number, () => {
      write(to, 2, value);
      to.stringField(1, name);
    });
  }
}

function named(write: Write): Write {
  return (to, number, value) => nest(to, number, () => namedEntries(to, 1, value as Json, write));
}

function message(shape: () => Shape, extensions: number): Write {
  let ordered: Shape | undefined;
  return (to, number, value) => {
    ordered ??= [...shape()].sort((a, b) => b[1] - a[1]);
    const fields = ordered;
    nest(to, number, () => writeFields(to, fields, extensions, value as Json));
  };
}

function writeFields(to: WireWriter, fields: Shape, extensions: number, value: Json): void {
  const vendor = Object.fromEntries(Object.entries(value).filter(([key]) => key.startsWith('x-')));
  let done = false;
  for (const [field, number, write] of fields) {
    if (!done && number < extensions) {
      namedEntries(to, extensions, vendor, any);
      done = true;
    }
    const item = value[field];
    if (item !== undefined) write(to, number, item);
  }
}

const schema: Write = message(
  () => [
    ['$ref', 1, text],
    ['format', 2, text],
    ['title', 3, text],
    ['description', 4, text],
    ['default', 5, any],
    ['multipleOf', 6, double],
    ['maximum', 7, double],
    ['exclusiveMaximum', 8, flag],
    ['minimum', 9, double],
    ['exclusiveMinimum', 10, flag],
    ['maxLength', 11, int],
    ['minLength', 12, int],
    ['pattern', 13, text],
    ['maxItems', 14, int],
    ['minItems', 15, int],
    ['uniqueItems', 16, flag],
    ['maxProperties', 17, int],
    ['minProperties', 18, int],
    ['required', 19, repeated(text)],
    ['enum', 20, repeated(any)],
    ['additionalProperties', 21, additionalProperties],
    ['type', 22, (to, number, value) => nest(to, number, () => to.stringField(1, String(value)))],
    ['items', 23, (to, number, value) => nest(to, number, () => schema(to, 1, value))],
    ['properties', 25, named(schema)],
    ['example', 30, any],
  ],
  31,
);

function additionalProperties(to: WireWriter, number: number, value: unknown): void {
  nest(to, number, () =>
    typeof value === 'boolean' ? to.varintField(2, value ? 1 : 0) : schema(to, 1, value),
  );
}

const body: Write = message(
  () => [
    ['description', 1, text],
    ['name', 2, text],
    ['in', 3, text],
    ['required', 4, flag],
    ['schema', 5, schema],
  ],
  6,
);
const queryFields: Shape = [
  ['required', 1, flag],
  ['in', 2, text],
  ['description', 3, text],
  ['name', 4, text],
  ['type', 6, text],
  ['uniqueItems', 20, flag],
];
const pathFields: Shape = [
  ['required', 1, flag],
  ['in', 2, text],
  ['description', 3, text],
  ['name', 4, text],
  ['type', 5, text],
  ['uniqueItems', 19, flag],
];
const inQuery = message(() => queryFields, 23);
const inPath = message(() => pathFields, 22);

const parameter: Write = (to, number, value) => {
  const where = (value as Json)['in'];
  nest(to, number, () => {
    if (where === 'body') body(to, 1, value);
    else nest(to, 2, () => (where === 'path' ? inPath(to, 4, value) : inQuery(to, 3, value)));
  });
};

const reference: Write = message(() => [['$ref', 1, text]], 99);
const parameterItem: Write = (to, number, value) =>
  nest(to, number, () =>
    (value as Json)['$ref'] === undefined ? parameter(to, 1, value) : reference(to, 2, value),
  );

const response: Write = message(
  () => [
    ['description', 1, text],
    ['schema', 2, (to, number, value) => nest(to, number, () => schema(to, 1, value))],
  ],
  5,
);
const responses: Write = (to, number, value) =>
  nest(to, number, () =>
    namedEntries(to, 1, value as Json, (w, n, one) => nest(w, n, () => response(w, 1, one))),
  );

const operation: Write = message(
  () => [
    ['tags', 1, repeated(text)],
    ['description', 3, text],
    ['operationId', 5, text],
    ['produces', 6, repeated(text)],
    ['consumes', 7, repeated(text)],
    ['parameters', 8, repeated(parameterItem)],
    ['responses', 9, responses],
    ['schemes', 10, repeated(text)],
  ],
  13,
);

const pathItem: Write = message(
  () => [
    ['get', 2, operation],
    ['put', 3, operation],
    ['post', 4, operation],
    ['delete', 5, operation],
    ['options', 6, operation],
    ['head', 7, operation],
    ['patch', 8, operation],
    ['parameters', 9, repeated(parameterItem)],
  ],
  10,
);

const info: Write = message(
  () => [
    ['title', 1, text],
    ['version', 2, text],
  ],
  7,
);
const apiKey: Write = message(
  () => [
    ['type', 1, text],
    ['name', 2, text],
    ['in', 3, text],
    ['description', 4, text],
  ],
  5,
);

/** The bytes of `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`. */
export function encodeDocumentV2(document: DocumentV2): Buffer {
  const to = new WireWriter(1 << 20);
  named((w, n, value) => nest(w, n, () => apiKey(w, 2, value)))(
    to,
    13,
    document['securityDefinitions'],
  );
  for (const one of document['security'] as Json[])
    named((w, n, value) => nest(w, n, () => repeated(text)(w, 1, value)))(to, 12, one);
  named(parameter)(to, 10, document.parameters);
  named(schema)(to, 9, document.definitions);
  nest(to, 8, () => namedEntries(to, 2, document.paths, pathItem));
  info(to, 2, document['info']);
  to.stringField(1, '2.0');
  return to.result();
}
