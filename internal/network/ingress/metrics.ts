import { askProgram } from '../../io/local-socket.ts';
import { metricsSocket } from './config.ts';
import { portDir } from './haproxy.ts';

const askMs = 5_000;

/**
 * What HAProxy counts, as Prometheus reads it: `ingress` for the ports that Ingresses have,
 * `ingress-PORT` for a port of Gateways alone. Undefined when none runs there.
 */
export async function ingressMetrics(dir: string, name: string): Promise<string | undefined> {
  const [known, port] = /^ingress(?:-([1-9]\d{0,4}))?$/.exec(name) ?? [];
  if (known === undefined) return undefined;
  const socket = metricsSocket(port === undefined ? dir : portDir(dir, Number(port)));
  // A HAProxy in reach of one answer: no connection is kept, nothing is chunked.
  const asked = { text: 'GET /metrics HTTP/1.0\r\n\r\n', timeoutMs: askMs };
  const said = await askProgram('ingress.metrics', socket, asked).catch(() => '');
  const end = said.indexOf('\r\n\r\n');
  return /^HTTP\/1\.[01] 200 /.test(said) && end > 0 ? said.slice(end + 4) : undefined;
}
