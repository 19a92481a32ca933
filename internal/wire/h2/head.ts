import { kind, type HeaderField } from './field.ts';

/**
 * What a header block says that matters to a server of calls. Used again for each block of its
 * connection.
 */
export class RequestHead {
  method = '';
  scheme = '';
  path = '';
  contentType = '';
  /** -1 = not said. */
  contentLength = -1;
  /** As if it were not compressed, which is what limits it. */
  bytes = 0;
  #malformed = false;
  #pseudo = 0;
  #regular = false;

  /** For the next block. */
  clear(): this {
    this.method = '';
    this.scheme = '';
    this.path = '';
    this.contentType = '';
    this.contentLength = -1;
    this.bytes = 0;
    this.#malformed = false;
    this.#pseudo = 0;
    this.#regular = false;
    return this;
  }

  add(field: HeaderField): void {
    this.bytes += field.bytes;
    const what = field.kind;
    if (what >= kind.method) {
      if (what >= kind.bad || this.#regular || (this.#pseudo & (1 << what)) !== 0)
        this.#malformed = true;
      this.#pseudo |= 1 << what;
      if (what === kind.path) this.path = field.value;
      else if (what === kind.method) this.method = field.value;
      else if (what === kind.scheme) this.scheme = field.value;
      return;
    }
    this.#regular = true;
    if (what === kind.contentType) this.contentType = field.value;
    else if (what === kind.contentLength) {
      if (!/^\d{1,15}$/.test(field.value)) this.#malformed = true;
      else if (this.contentLength >= 0 && this.contentLength !== Number(field.value))
        this.#malformed = true;
      else this.contentLength = Number(field.value);
    }
  }

  /** It cannot be a request, whatever else it says. */
  protected refuse(): void {
    this.#malformed = true;
  }

  /** Whether this may begin a stream. */
  get isRequest(): boolean {
    return !this.#malformed && this.method !== '' && this.scheme !== '' && this.path !== '';
  }

  /** Whether this may end one. */
  get isTrailers(): boolean {
    return !this.#malformed && this.#pseudo === 0;
  }
}
