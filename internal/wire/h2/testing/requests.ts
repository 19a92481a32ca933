import { frameType } from '../frames.ts';
import { headerBlock } from '../hpack.ts';
import { endHeaders, endStream, frame } from './peer.ts';

const { headers } = frameType;
export const padded = 8;
export const hasPriority = 32;

export type Fields = [name: string, value: string][];
export const get = (more: Fields = [], path = '/version'): Buffer =>
  headerBlock(undefined, [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'x'],
    ...more,
  ]);
export const review = '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}';
export const post = (more: Fields = []): Buffer =>
  headerBlock(undefined, [
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', '/apis/authentication.k8s.io/v1/selfsubjectreviews'],
    [':authority', 'x'],
    ['content-type', 'application/json'],
    ...more,
  ]);
/** A whole request, and the beginning of one. */
export const asked = (id: number, block = get()): Buffer =>
  frame(headers, endHeaders | endStream, id, block);
export const begun = (id: number, block = post()): Buffer => frame(headers, endHeaders, id, block);
export const pad = (bytes: Uint8Array, length: number): Buffer =>
  Buffer.concat([Buffer.from([length]), bytes, Buffer.alloc(length)]);
