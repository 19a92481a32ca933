import { ApiError } from '../../api/status.ts';
import type { KubeObject } from '../../api/object.ts';
import type { ApiCall, Input } from '../operations/operation.ts';
import type { DeleteOptions } from '../registry/delete.ts';
import type { ListQuery } from '../registry/list.ts';
import { parsePatch, patchTypeOf, type PatchRequest, type PatchType } from '../registry/patch.ts';
import type { Decoded, GroupVersionKind } from '../registry/resource.ts';
import type { UnstoredKinds } from '../registry/unstored-kinds.ts';
import { invalidOptions, listQuery, wholeNumber } from './call-for.ts';
import { header, readBody, type Exchange } from './exchange.ts';
import { bodyFormat, type WireFormat } from './negotiate.ts';
import { first, flag, type Query } from './request-info.ts';

const deleteOptionsKind = { group: '', version: 'v1', kind: 'DeleteOptions' };

/** What a request brings along: its body, read when an operation asks for it, and its query. */
export class RequestInput implements Input {
  readonly #unstored: UnstoredKinds;
  readonly #exchange: Exchange;
  readonly #call: ApiCall;

  constructor(unstored: UnstoredKinds, exchange: Exchange, call: ApiCall) {
    this.#unstored = unstored;
    this.#exchange = exchange;
    this.#call = call;
  }

  object(): Promise<KubeObject> {
    const { resource, validation } = this.#call;
    return this.#decoded((body, format) => resource.engine.decode(body, format, validation));
  }

  async unstored<T>(kind: GroupVersionKind): Promise<T> {
    return (await this.#decoded((body, format) =>
      this.#unstored.decode(kind, body, format, 'Warn'),
    )) as T;
  }

  async patch(): Promise<PatchRequest> {
    const exchange = this.#exchange;
    const { query } = exchange.info;
    const type = patchTypeOf(this.#call, header(exchange.request, 'content-type'));
    checkPatchOptions(type, query);
    const body = parsePatch(type, (await readBody(exchange.request)).toString(), this.#call);
    exchange.audit?.request(body, { patch: true });
    return { type, body, force: flag(query, 'force') };
  }

  async deleteOptions(): Promise<DeleteOptions> {
    const exchange = this.#exchange;
    const { query } = exchange.info;
    const body = await readBody(exchange.request);
    const options: DeleteOptions = body.length
      ? (this.#unstored.decode(deleteOptionsKind, body, this.#format()).object as DeleteOptions)
      : {};
    const grace = first(query, 'gracePeriodSeconds');
    if (body.length) exchange.audit?.request(options);
    if (body.length === 0) {
      if (grace !== undefined) options.gracePeriodSeconds = wholeNumber(grace);
      const policy = first(query, 'propagationPolicy');
      if (policy) options.propagationPolicy = policy as DeleteOptions['propagationPolicy'];
      if (query.has('orphanDependents')) options.orphanDependents = flag(query, 'orphanDependents');
    }
    checkDeleteOptions(exchange, options);
    return options;
  }

  query(): ListQuery {
    return listQuery(this.#exchange.info.query);
  }

  #format(): WireFormat {
    return bodyFormat(header(this.#exchange.request, 'content-type'));
  }

  async #decoded(decode: (body: Buffer, format: WireFormat) => Decoded): Promise<KubeObject> {
    const exchange = this.#exchange;
    const format = this.#format();
    const { object, warnings } = decode(await readBody(exchange.request), format);
    exchange.warnings.push(...warnings);
    exchange.audit?.request(object);
    return object;
  }
}

/** Options of a patch that exclude each other. */
function checkPatchOptions(type: PatchType, query: Query): void {
  if (type === 'apply' && !first(query, 'fieldManager'))
    throw wrongPatchOption('fieldManager', {
      reason: 'FieldValueRequired',
      message: 'Required value: is required for apply patch',
    });
  if (type !== 'apply' && query.has('force'))
    throw wrongPatchOption('force', {
      reason: 'FieldValueForbidden',
      message: 'Forbidden: may not be specified for non-apply patch',
    });
}

function wrongPatchOption(field: string, why: { reason: string; message: string }): ApiError {
  const kind = { group: 'meta.k8s.io', kind: 'PatchOptions' };
  return new ApiError(
    'Invalid',
    `PatchOptions.meta.k8s.io "" is invalid: ${field}: ${why.message}`,
    { details: { ...kind, causes: [{ ...why, field } as never] } },
  );
}

function checkDeleteOptions(exchange: Exchange, options: DeleteOptions): void {
  const policy = options.propagationPolicy;
  if (policy && !['Foreground', 'Background', 'Orphan'].includes(policy)) {
    throw invalidOptions(exchange, {
      type: 'FieldValueNotSupported',
      field: 'propagationPolicy',
      value: policy,
      detail: 'supported values: "Foreground", "Background", "Orphan", "nil"',
    });
  }
  if (policy && options.orphanDependents !== undefined && options.orphanDependents !== null) {
    throw invalidOptions(exchange, {
      type: 'FieldValueInvalid',
      field: 'propagationPolicy',
      value: policy,
      detail: 'orphanDependents and deletionPropagation cannot be both set',
    });
  }
}
