import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Log } from '../../io/log.ts';
import type { NodeCall } from '../context.ts';

export interface PlanDoors {
  /** Asks nodes. */
  nodes: NodeCall;
  /** The last part of the path that a channel's address leads to. */
  channel(url: string): Promise<string>;
  /** Signs an order to a node. */
  sign(order: { node: string; version: string; nonce: string }): string;
}

/** What a pass works with. */
export interface Hands extends PlanDoors {
  client: Client;
  events: EventRecorder;
  log: Log;
  nowMs: number;
}
