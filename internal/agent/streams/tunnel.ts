import { acceptWebSocket, pacedBy, sendPaced } from './web-socket.ts';
import { dialRuntime } from './runtime-connection.ts';
import type { StreamContext, StreamRequest } from './stream-request.ts';

/** KEP-4006: raw SPDY/3.1 bytes in binary WebSocket messages. */
export const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';

/** What the tunnel carries, as containerd knows it. */
const portForwardProtocol = 'portforward.k8s.io';

export async function serveTunnel(context: StreamContext, stream: StreamRequest): Promise<void> {
  const runtime = await dialRuntime(context.dial, stream.url, portForwardProtocol);
  const ws = await acceptWebSocket({ ...stream, protocol: tunnelProtocol });
  if (runtime.head.length) ws.send(runtime.head);
  ws.on('message', (data: Buffer) => {
    runtime.socket.write(data);
    pacedBy(ws, runtime.socket);
  });
  runtime.socket.on('data', (data: Buffer) => sendPaced(ws, data, runtime.socket));
  runtime.socket.on('close', () => ws.close(1000));
  ws.on('close', () => runtime.socket.destroy());
}
