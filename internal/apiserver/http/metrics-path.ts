import { send } from './exchange.ts';
import type { Paths } from './paths.ts';

/** Where Prometheus reads. */
export function addMetricsPath(paths: Paths): void {
  paths.exact.set('/metrics', (server, exchange) =>
    send(exchange, 200, 'text/plain; version=0.0.4; charset=utf-8', server.metrics.text(server)),
  );
}
