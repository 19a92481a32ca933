import { SkiffError } from '../base/errors.ts';
import type { Status, StatusCause, StatusDetails } from './generated/types/meta-v1.ts';

/** metav1.StatusReason, with the HTTP status that goes with it (apimachinery api/errors). */
const httpOf = {
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServerTimeout: 500,
  ServiceUnavailable: 503,
  InsufficientStorage: 507,
  Timeout: 504,
  BadRequest: 400,
  '': 500,
} as const;

export type StatusReason = keyof typeof httpOf;

/**
 * An answer that Kubernetes would give as a Status object: the only error the API surface shows.
 */
export class ApiError extends SkiffError {
  readonly httpStatus: number;
  readonly reason: StatusReason;
  readonly details: Partial<StatusDetails> | undefined;

  constructor(
    reason: StatusReason,
    message: string,
    options: { details?: Partial<StatusDetails>; httpStatus?: number; cause?: unknown } = {},
  ) {
    super(message, { code: reason || 'Unknown', op: 'api', cause: options.cause });
    this.reason = reason;
    this.httpStatus = options.httpStatus ?? httpOf[reason];
    this.details = options.details;
  }

  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason && { reason: this.reason }),
      ...(this.details && { details: this.details }),
      code: this.httpStatus,
    };
  }
}

/** What a message names: the resource in plural (`pods`) and its group. */
export interface What {
  group: string;
  resource: string;
}

const qualified = (what: What): string =>
  what.group ? `${what.resource}.${what.group}` : what.resource;
const about = (what: What, name: string): Partial<StatusDetails> => ({
  ...(name ? { name } : {}),
  ...(what.group ? { group: what.group } : {}),
  ...(what.resource ? { kind: what.resource } : {}),
});

export function notFound(what: What, name: string): ApiError {
  return new ApiError('NotFound', `${qualified(what)} "${name}" not found`, {
    details: about(what, name),
  });
}

export function alreadyExists(what: What, name: string): ApiError {
  return new ApiError('AlreadyExists', `${qualified(what)} "${name}" already exists`, {
    details: about(what, name),
  });
}

export function conflict(what: What, name: string, why: string): ApiError {
  return new ApiError(
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(what)} "${name}": ${why}`,
    { details: about(what, name) },
  );
}

export const modifiedConflict =
  'the object has been modified; please apply your changes to the latest version and try again';

export function forbidden(what: What, name: string, why: string): ApiError {
  const message =
    what.resource === ''
      ? `forbidden: ${why}`
      : name
        ? `${qualified(what)} "${name}" is forbidden: ${why}`
        : `${qualified(what)} is forbidden: ${why}`;
  return new ApiError('Forbidden', message, { details: about(what, name) });
}

export function badRequest(message: string): ApiError {
  return new ApiError('BadRequest', message);
}

/**
 * A list of 20,000 names, each of which is refused with the 20,000 that are allowed, would be an
 * answer of gigabytes.
 */
const mostErrorText = 1 << 20;

/** As many of them as fit, and one at least. */
function withinText(errors: readonly FieldError[]): readonly FieldError[] {
  let left = mostErrorText;
  const end = errors.findIndex((error) => (left -= error.detail.length + error.field.length) < 0);
  return end < 0 ? errors : errors.slice(0, Math.max(1, end));
}

/**
 * `Deployment.apps "x" is invalid: spec.replicas: Invalid value: ...` with one cause per field
 * error.
 */
export function invalid(
  about: { group: string; kind: string },
  name: string,
  errors: FieldError[],
): ApiError {
  // Events are one kind in two groups, of which errors name the older.
  const kind = about.group === 'events.k8s.io' ? { group: '', kind: about.kind } : about;
  // Go's Aggregate says each thing once; the causes keep every one.
  const told = withinText(errors);
  const shown = [...new Set(told.map(fieldErrorText))];
  if (told.length < errors.length) shown.push(`and ${errors.length - told.length} more`);
  const list = shown.length === 1 ? shown[0] : `[${shown.join(', ')}]`;
  const title = kind.group ? `${kind.kind}.${kind.group}` : kind.kind;
  const causes = told.map(
    (e) => ({ reason: e.type, message: fieldErrorBody(e), field: e.field }) as StatusCause,
  );
  const details: Partial<StatusDetails> = {
    ...(name ? { name } : {}),
    ...(kind.group ? { group: kind.group } : {}),
    ...(kind.kind ? { kind: kind.kind } : {}),
    causes,
  };
  return new ApiError('Invalid', `${title} "${name}" is invalid: ${list}`, { details });
}

/** apimachinery util/validation/field ErrorType: the reason of a cause. */
export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'FieldValueTooFew'
  | 'FieldValueTooShort'
  | 'FieldValueTypeInvalid'
  | 'InternalError';

/**
 * One broken field. `value` is shown for the types that show one (Invalid, NotSupported, Duplicate,
 * NotFound, TypeInvalid).
 */
export interface FieldError {
  type: FieldErrorType;
  field: string;
  value?: unknown;
  detail: string;
}

const label: Record<FieldErrorType, string> = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  FieldValueTooFew: 'Too few',
  FieldValueTooShort: 'Too short',
  FieldValueTypeInvalid: 'Invalid value',
  InternalError: 'Internal error',
};

const valueless = new Set<FieldErrorType>([
  'FieldValueRequired',
  'FieldValueForbidden',
  'FieldValueTooLong',
  'FieldValueTooShort',
  'InternalError',
]);

/** The value of an error that shows none. */
export const noValue: unique symbol = Symbol('no value');

export function fieldErrorBody(e: FieldError): string {
  const noCount = e.type === 'FieldValueTooMany' && e.value === undefined;
  const head =
    noCount || e.value === noValue || valueless.has(e.type)
      ? label[e.type]
      : `${label[e.type]}: ${shownValue(e.value)}`;
  return e.detail ? `${head}: ${e.detail}` : head;
}

export function fieldErrorText(e: FieldError): string {
  return `${e.field}: ${fieldErrorBody(e)}`;
}

function shownValue(value: unknown): string {
  if (value === undefined || value === null) return 'null';
  return typeof value === 'string'
    ? JSON.stringify(value)
    : typeof value === 'object'
      ? JSON.stringify(value, mapsInOrder)
      : String(value);
}

const maps = new Set([
  'matchlabels',
  'labels',
  'annotations',
  'nodeselector',
  'limits',
  'requests',
]);

/** Go prints the keys of a map in order, those of a struct as they are declared. */
function mapsInOrder(key: string, value: unknown): unknown {
  return maps.has(key.toLowerCase()) && isPlain(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value;
}

const isPlain = (value: unknown): value is object =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
