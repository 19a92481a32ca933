import { own, table } from '../../base/own.ts';
import { Buffer } from 'node:buffer';
import { estimateCost } from '../cel/estimate.ts';
import { most, times, type Declared } from '../cel/cost-size.ts';
import { escapeName } from '../cel/escape.ts';
import type { Program } from '../cel/compile.ts';
import type { FieldError } from '../status.ts';
import { additional, embeds, type JsonSchema } from './json-schema.ts';

/**
 * What one rule may cost at worst (Kubernetes' StaticEstimatedCostLimit), and all rules of a schema
 * together.
 */
const costPerRule = 10_000_000;
const costPerSchema = 100_000_000;
/** The greatest request that is taken bounds what a schema leaves unbounded. */
const maxRequest = 3 * 1024 * 1024;

interface Measured {
  size: Declared;
  /** Bytes of the smallest value in JSON. */
  least: number;
}

const known = new WeakMap<JsonSchema, Measured | null>();

/** How long values of a schema can get. undefined: rules see no such value. */
function measure(schema: JsonSchema, isRoot: boolean): Measured | undefined {
  const found = known.get(schema);
  if (found !== undefined) return found ?? undefined;
  const made = measureFresh(schema, isRoot || embeds(schema));
  known.set(schema, made ?? null);
  return made;
}

const atLeast = (value: number | undefined, otherwise: number): number =>
  Math.max(0, value ?? otherwise);

function measureFresh(schema: JsonSchema, isResource: boolean): Measured | undefined {
  if (schema['x-kubernetes-int-or-string'])
    return {
      size: {
        max: schema.maxLength === undefined ? maxRequest - 2 : atLeast(schema.maxLength, 0) * 4,
      },
      least: 1,
    };
  switch (schema.type) {
    case 'array':
      return measureList(schema);
    case 'object':
      return additional(schema) ? measureMap(schema) : measureObject(schema, isResource);
    case 'string':
      return measureText(schema);
    case 'boolean':
      return { size: { max: 0 }, least: 4 };
    case 'number':
    case 'integer':
      return { size: { max: 0 }, least: 1 };
    default:
      return undefined;
  }
}

function measureList(schema: JsonSchema): Measured | undefined {
  const items = schema.items && measure(schema.items, false);
  return (
    items && {
      size: {
        max: atLeast(schema.maxItems, Math.floor((maxRequest - 2) / (items.least + 1))),
        items: items.size,
      },
      least: 2,
    }
  );
}

function measureMap(schema: JsonSchema): Measured | undefined {
  const inner = additional(schema);
  const values = inner && measure(inner, false);
  // Two letters of a key with its quotes, a colon and a comma.
  return (
    values && {
      size: {
        max: atLeast(schema.maxProperties, Math.floor((maxRequest - 2) / (values.least + 6))),
        items: values.size,
        keys: { max: 0 },
      },
      least: 2,
    }
  );
}

function measureObject(schema: JsonSchema, isResource: boolean): Measured {
  const fields = new Map<string, Declared>();
  let least = 2;
  const add = (name: string, field: Measured | undefined, inner: JsonSchema | undefined): void => {
    if (!field) return;
    fields.set(escapeName(name), field.size);
    if (schema.required?.includes(name) && (inner?.default === undefined || inner.default === null))
      least += name.length + field.least + 4;
  };
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    add(name, measure(inner, false), inner);
  if (isResource) {
    const text = { size: { max: maxRequest - 2 }, least: 2 };
    const metadata = {
      size: {
        max: 0,
        fields: new Map([
          ['name', text.size],
          ['generateName', text.size],
        ]),
      },
      least: 2,
    };
    for (const name of ['kind', 'apiVersion'])
      if (own(schema.properties, name)?.type !== 'string') add(name, text, undefined);
    if (!fields.get('metadata')?.fields?.has('name')) add('metadata', metadata, undefined);
  }
  return { size: { max: 0, fields }, least };
}

const stamps: Record<string, readonly [max: number, least: number]> = table({
  duration: [32, 3],
  date: [12, 12],
  'date-time': [32, 21],
});

function measureText(schema: JsonSchema): Measured {
  const stamp = stamps[schema.format ?? ''];
  if (stamp) return { size: { max: stamp[0] }, least: stamp[1] };
  if (schema.maxLength !== undefined)
    return {
      size: { max: atLeast(schema.maxLength, 0) * (schema.format === 'byte' ? 1 : 4) },
      least: 2,
    };
  const values = schema.format === 'byte' ? [] : (schema.enum ?? []);
  const longest = values.reduce<number>(
    (max, one) => Math.max(max, typeof one === 'string' ? Buffer.byteLength(one) : 0),
    0,
  );
  return { size: { max: values.length ? longest : maxRequest - 2 }, least: 2 };
}

/**
 * How many values of a schema one object can hold. undefined: only the size of a request bounds it.
 */
export type Cardinality = number | undefined;

/** By how much the schema multiplies what is below it. */
export function cardinalityBelow(schema: JsonSchema, own: Cardinality): Cardinality {
  const isMany =
    schema.type === 'array' ||
    (schema.type === 'object' &&
      schema.additionalProperties !== undefined &&
      schema.additionalProperties !== null);
  if (!isMany || own === undefined) return own;
  const max = schema.type === 'array' ? schema.maxItems : schema.maxProperties;
  return max === undefined ? undefined : times(own, Math.max(0, max));
}

/** Adds up what the rules of one schema cost at worst, and says which are too dear. */
export class RuleCosts {
  readonly errors: FieldError[] = [];
  readonly #forgiven: boolean;
  #total = 0;
  readonly #dear: { field: string; cost: number }[] = [];

  /** `forgiven`: the schema is stored as it is, so no single rule is refused. */
  constructor(forgiven: boolean) {
    this.#forgiven = forgiven;
  }

  rule(
    program: Program,
    schema: JsonSchema,
    isRoot: boolean,
    cardinality: Cardinality,
    field: string,
  ): void {
    const measured = measure(schema, isRoot);
    if (!measured) return;
    const occurrences = cardinality ?? Math.floor(maxRequest / (measured.least + 1));
    this.#observe(
      'estimated rule cost',
      times(estimateCost(program.ast, program.checked, measured.size), occurrences),
      field,
    );
  }

  /** A message is made once at most for each rule that fails. */
  message(program: Program, schema: JsonSchema, isRoot: boolean, field: string): void {
    const measured = measure(schema, isRoot);
    if (measured)
      this.#observe(
        'estimated messageExpression cost',
        estimateCost(program.ast, program.checked, measured.size),
        field,
      );
  }

  #observe(what: string, cost: number, field: string): void {
    if (cost > costPerRule && !this.#forgiven)
      this.#forbid(field, exceeds(what, cost, costPerRule));
    this.#total = Math.min(most, this.#total + cost);
    if (cost >= costPerSchema / 100) this.#dear.push({ field, cost });
  }

  #forbid(field: string, detail: string): void {
    this.errors.push({ type: 'FieldValueForbidden', field, detail });
  }

  /** The sum over the whole schema at `path`, once every rule was seen. */
  close(path: string): void {
    if (this.#total <= costPerSchema) return;
    const dearest = this.#dear.toSorted((a, b) => b.cost - a.cost).slice(0, 4);
    for (const { field } of dearest)
      this.#forbid(
        field,
        'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
      );
    this.#forbid(
      path,
      exceeds(
        'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema',
        this.#total,
        costPerSchema,
      ),
    );
  }
}

function exceeds(what: string, cost: number, limit: number): string {
  const over = cost / limit;
  const factor = over > 100 ? 'more than 100x' : `${over.toFixed(over < 1.5 ? 6 : 1)}x`;
  return (
    `${what} exceeds budget by factor of ${factor} (try simplifying the rule, or adding ` +
    'maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)'
  );
}
