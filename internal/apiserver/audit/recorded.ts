import type { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { ApiError } from '../../api/status.ts';

/** The audit's notes of one request, as those who serve it see them. */
export interface Recorded {
  /** The whole answer is wanted. */
  readonly whole: boolean;
  annotate(key: string, value: string, least?: 'Request'): void;
  authorized(allowed: boolean, reason: string): void;
  request(object: unknown, options?: { patch?: boolean }): void;
  response(contentType: string, body: Buffer): void;
  object(object: unknown): void;
  /** Follows the answer: its head for requests that live long, its end for all. */
  follow(answer: ServerResponse): void;
  started(code: number): void;
  complete(code: number): void;
  panicked(error: ApiError): void;
}
