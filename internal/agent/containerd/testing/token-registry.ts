import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

const digest = (data: Buffer): string =>
  `sha256:${createHash('sha256').update(data).digest('hex')}`;

/**
 * A registry like Docker Hub, ghcr and Harbor: it knows no Basic, it names a token server, and that
 * one wants a user's password or an identity token. Each registry holds one small image under each
 * of the names it is given.
 */
export class TokenRegistry {
  readonly tokens = new Map<string, string>();
  /** `METHOD path authorization-scheme` of each request. */
  readonly requests: string[] = [];
  /** What the token server was shown: `user:password` or `identity:...`. */
  readonly shown: string[] = [];
  readonly #server: Server;
  readonly #blobs = new Map<string, { type: string; data: Buffer }>();
  readonly #manifest: string;
  readonly #names: string[];
  readonly #accepts: string[];

  private constructor(names: string[], accepts: string[]) {
    this.#names = names;
    this.#accepts = accepts;
    const tar = Buffer.alloc(1024);
    const layer = this.#add('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(tar));
    const config = this.#add(
      'application/vnd.oci.image.config.v1+json',
      Buffer.from(
        JSON.stringify({
          architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
          os: 'linux',
          config: {},
          rootfs: { type: 'layers', diff_ids: [digest(tar)] },
          author: randomBytes(8).toString('hex'),
        }),
      ),
    );
    this.#manifest = this.#add(
      'application/vnd.oci.image.manifest.v1+json',
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          config,
          layers: [layer],
        }),
      ),
    ).digest;
    this.#server = createServer((req, res) => this.#answer(req, res));
  }

  static start(names: string[], accepts: string[]): Promise<TokenRegistry> {
    const registry = new TokenRegistry(names, accepts);
    return new Promise((resolve) =>
      registry.#server.listen(0, '127.0.0.1', () => resolve(registry)),
    );
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #add(mediaType: string, data: Buffer): { mediaType: string; digest: string; size: number } {
    this.#blobs.set(digest(data), { type: mediaType, data });
    return { mediaType, digest: digest(data), size: data.length };
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    const url = new URL(req.url ?? '/', `http://${this.host}`);
    const authorization = req.headers.authorization ?? '';
    this.requests.push(`${req.method} ${url.pathname} ${authorization.split(' ')[0]}`);
    if (url.pathname === '/token') return void this.#token(req, res, url, authorization);
    const [, name = '', kind, wanted = ''] =
      /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname) ?? [];
    if (this.tokens.get(authorization.replace(/^Bearer /, '')) === undefined) {
      const scope = name ? `,scope="repository:${name}:pull"` : '';
      const realm = `realm="http://${this.host}/token"`;
      res.writeHead(401, { 'www-authenticate': `Bearer ${realm},service="registry.test"${scope}` });
      return void res.end();
    }
    const blob = this.#names.includes(name)
      ? this.#blobs.get(
          kind === 'manifests' && !wanted.startsWith('sha256:') ? this.#manifest : wanted,
        )
      : undefined;
    if (!blob) return void res.writeHead(404).end();
    res.writeHead(200, {
      'content-type': blob.type,
      'content-length': blob.data.length,
      'docker-content-digest': digest(blob.data),
    });
    res.end(req.method === 'HEAD' ? undefined : blob.data);
  }

  #token(req: IncomingMessage, res: ServerResponse, url: URL, authorization: string): void {
    let body = '';
    req.on('data', (part: Buffer) => (body += part.toString()));
    req.on('end', () => {
      const form = new URLSearchParams(body);
      const basic = authorization.startsWith('Basic ')
        ? Buffer.from(authorization.slice(6), 'base64').toString()
        : '';
      const shown = form.get('refresh_token')
        ? `identity:${form.get('refresh_token')}`
        : form.get('username')
          ? `${form.get('username')}:${form.get('password')}`
          : basic;
      this.shown.push(shown);
      if (!this.#accepts.includes(shown)) return void res.writeHead(401).end();
      const token = randomBytes(8).toString('hex');
      this.tokens.set(token, url.search);
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(JSON.stringify({ token, access_token: token, expires_in: 300 }));
    });
  }
}
