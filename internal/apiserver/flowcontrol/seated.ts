import type { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { send, type Exchange } from '../http/exchange.ts';
import type { Server } from '../server.ts';

/**
 * An answer of which this much has not been taken yet keeps its seat: what waits in memory is
 * bounded by the seats.
 */
const heldBytes = 256 * 1024;

const reads = new Set(['GET', 'HEAD']);

/**
 * Runs a request when it has a seat. False when it was sent away; `away` then answers, or the usual
 * 429.
 */
export async function seated(
  server: Server,
  exchange: Exchange,
  closing: EventEmitter,
  run: () => Promise<void>,
): Promise<boolean> {
  const { flowControl, core } = server;
  const flow = flowControl.classify(exchange);
  if (!flow) {
    await run();
    return true;
  }
  const queue = flow.level.tryStart(flow)
    ? undefined
    : await flowControl.wait(exchange, flow, closing);
  if (queue === null) return false;
  const kind = reads.has(exchange.info.method) ? 'readOnly' : 'mutating';
  flowControl.inflight[kind]++;
  const began = core.clock.monotonicMs();
  try {
    await run();
    if (exchange.info.verb !== 'watch' && exchange.answer?.writableLength > heldBytes)
      await taken(server, exchange.answer as ServerResponse);
  } finally {
    flowControl.inflight[kind]--;
    flowControl.finish(flow, core.clock.monotonicMs() - began, queue);
  }
  return true;
}

/** Waits until the client has taken the answer, as long as a request may take. */
function taken(server: Server, answer: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = server.core.clock.after(
      'flowcontrol.taken',
      server.flowControl.requestTimeoutMs,
      () => answer.destroy(),
    );
    const done = (): void => {
      timer.cancel();
      resolve();
    };
    if (answer.writableFinished || answer.destroyed) return done();
    answer.once('finish', done);
    answer.once('close', done);
  });
}

/** As kube-apiserver says it: in plain text, with the header that clients wait by. */
export function sendTooMany(exchange: Exchange): void {
  send(exchange, 429, 'text/plain; charset=utf-8', 'Too many requests, please try again later.\n', {
    'x-content-type-options': 'nosniff',
    'retry-after': '1',
  });
}
