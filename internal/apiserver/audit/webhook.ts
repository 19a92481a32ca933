import { Buffer } from 'node:buffer';
import type { Dial } from '../../io/dial.ts';
import type { KubeconfigWebhook } from '../webhooks/kubeconfig.ts';
import type { AuditEvent } from './event.ts';

const answerWithinMs = 30_000;

/** Sends a batch (audit.k8s.io/v1 EventList). Throws when it was not taken. */
export async function postEvents(
  dial: Dial,
  { target, path, authorization }: KubeconfigWebhook,
  items: AuditEvent[],
): Promise<void> {
  const body = Buffer.from(
    JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', metadata: {}, items }),
  );
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'content-length': String(body.length),
    accept: 'application/json',
    host: `${target.host}:${target.port}`,
  };
  const credential = await authorization();
  if (credential !== undefined) headers['authorization'] = credential;
  const done = await dial.request('audit.webhook', target, {
    method: 'POST',
    path,
    headers,
    body,
    timeoutMs: answerWithinMs,
  });
  if (done.kind === 'upgrade') {
    done.socket.destroy();
    throw new Error('the webhook switched protocols');
  }
  done.message.resume();
  const { statusCode = 0 } = done.message;
  if (statusCode < 200 || statusCode > 299) throw new Error(`the webhook answered ${statusCode}`);
}
