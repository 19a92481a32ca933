import type { Status } from './objects.ts';

/** A refusal in the server's own words. */
export class ApiFailure extends Error {
  readonly code: number;
  readonly reason: string;

  constructor(code: number, { message, reason, details }: Status) {
    const causes = details?.causes?.map((cause) => cause.message ?? '').filter(Boolean) ?? [];
    const more = causes.filter((cause) => !message?.includes(cause));
    super([message ?? `the server answered ${code}`, ...more].join('; '));
    this.code = code;
    this.reason = reason ?? '';
  }
}

const tokenKey = 'skiff.token';

/**
 * The token is kept for this tab and until it is closed. No cookie: no other page can make the
 * browser send it.
 */
export const credentials = {
  get token(): string | undefined {
    return sessionStorage.getItem(tokenKey) ?? undefined;
  },
  keep(token: string | undefined): void {
    if (token === undefined) sessionStorage.removeItem(tokenKey);
    else sessionStorage.setItem(tokenKey, token);
  },
};

export interface Ask {
  method?: string;
  accept?: string;
  contentType?: string;
  body?: unknown;
  signal?: AbortSignal | undefined;
}

/** One call; throws an ApiFailure for every answer but a good one. */
export async function call(path: string, ask: Ask = {}): Promise<Response> {
  const { method = 'GET', accept = 'application/json', body, signal } = ask;
  const { token } = credentials;
  const answer = await fetch(path, {
    method,
    headers: {
      accept,
      ...(body !== undefined && { 'content-type': ask.contentType ?? 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
    cache: 'no-store',
    redirect: 'error',
  });
  if (answer.ok) return answer;
  const text = await answer.text();
  throw new ApiFailure(answer.status, statusOf(text));
}

export async function json<T>(path: string, ask: Ask = {}): Promise<T> {
  return (await (await call(path, ask)).json()) as T;
}

function statusOf(text: string): Status {
  try {
    const status = JSON.parse(text) as Status | null;
    if (typeof status === 'object' && status !== null) return status;
  } catch {
    // Not the API's own words: a proxy in between answered.
  }
  return { message: text.slice(0, 500) };
}

export const messageOf = (error: unknown): string =>
  error instanceof ApiFailure
    ? error.message
    : error instanceof TypeError
      ? `the server cannot be reached (${error.message})`
      : error instanceof Error
        ? error.message
        : String(error);
