import type { PlainAnswer } from '../apiserver/options.ts';

export const text = (status: number, body: string): PlainAnswer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body,
});

export const json = (status: number, body: object): PlainAnswer => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(body),
});
