import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { ApiError, badRequest, type StatusReason } from '../../api/status.ts';

/** The whole of a short answer. Throws, and hangs up, when it is longer. */
export async function readAnswer(message: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of message) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > maxBytes) throw new Error('the answer is too large');
  }
  return Buffer.concat(chunks);
}

/** kube-apiserver's GenericHttpResponseChecker reads no more of what went wrong. */
const maxErrorBytes = 10_000;
const reasons: Partial<Record<number, StatusReason>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  405: 'MethodNotAllowed',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/**
 * What a kubelet said instead of what was asked for, in plain text, as the Status that clients
 * read.
 */
export async function kubeletError(
  message: IncomingMessage,
  subresource: string,
  name: string,
): Promise<ApiError> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of message) {
      parts.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size >= maxErrorBytes) break;
    }
  } catch {
    // What came before it broke off is said all the same.
  }
  message.destroy();
  const text = Buffer.concat(parts).subarray(0, maxErrorBytes).toString();
  const { statusCode = 0 } = message;
  if (statusCode === 400) return badRequest(text);
  if (statusCode === 404)
    return new ApiError(
      'NotFound',
      `the server could not find the requested resource ( pods/${subresource} ${name})`,
      { details: { name, kind: `pods/${subresource}` } },
    );
  const reason = reasons[statusCode];
  if (reason) return new ApiError(reason, text.trim() || `the node answered ${statusCode}`);
  return new ApiError('InternalError', `Internal error occurred: ${text}`, {
    details: { causes: [{ message: text } as never] },
  });
}
