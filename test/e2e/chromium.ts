import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { root, until } from './node.ts';

interface Answer {
  id?: number;
  method?: string;
  params?: { type?: string; args?: { value?: unknown; description?: string }[]; entry?: Entry };
  result?: Record<string, unknown>;
  error?: { message: string };
}

interface Entry {
  level: string;
  text: string;
}

/** A page in a headless Chromium with a profile of its own, driven over its DevTools protocol. */
export class Browser {
  /** What the page complained of: broken rules of the policy among it. */
  readonly complaints: string[] = [];
  readonly #child: ChildProcess;
  readonly #dir: string;
  #socket: WebSocket | undefined;
  #last = 0;
  readonly #waiting = new Map<number, (answer: Answer) => void>();

  constructor(program: string) {
    this.#dir = mkdtempSync(join(tmpdir(), 'skiff-chromium-'));
    this.#child = spawn(
      program,
      [
        '--headless=new',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-dev-shm-usage',
        '--ignore-certificate-errors',
        '--no-first-run',
        '--disable-background-networking',
        '--remote-debugging-port=0',
        `--user-data-dir=${this.#dir}`,
        'about:blank',
      ],
      { stdio: 'ignore', env: { ...process.env, HOME: this.#dir } },
    );
  }

  async open(url: string): Promise<void> {
    if (!this.#socket) await this.#connect();
    await this.send('Page.navigate', { url });
  }

  async #connect(): Promise<void> {
    const file = join(this.#dir, 'DevToolsActivePort');
    let port = '';
    await until('Chromium listens', () => {
      try {
        port = readFileSync(file, 'utf8').split('\n')[0] ?? '';
      } catch {
        return false;
      }
      return port !== '';
    });
    const pages = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as {
      type: string;
      webSocketDebuggerUrl: string;
    }[];
    const page = pages.find(({ type }) => type === 'page');
    if (!page) throw new Error('Chromium has no page');
    const socket = new WebSocket(page.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    socket.on('message', (data: Buffer) => this.#take(JSON.parse(data.toString()) as Answer));
    this.#socket = socket;
    for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await this.send(`${domain}.enable`);
  }

  #take({ id, method, params, ...answer }: Answer): void {
    if (id !== undefined) {
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    }
    if (method === 'Runtime.consoleAPICalled' && params?.type === 'error')
      this.complaints.push(String(params.args?.map((a) => a.value ?? a.description).join(' ')));
    if (method === 'Runtime.exceptionThrown') this.complaints.push(JSON.stringify(params));
    // Refused calls are part of what is tested; Chromium tells of each.
    if (method === 'Log.entryAdded' && params?.entry?.level === 'error')
      if (!/Failed to load resource/.test(params.entry.text))
        this.complaints.push(params.entry.text);
  }

  send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) =>
        error ? reject(new Error(`${method}: ${error.message}`)) : resolve(result ?? {}),
      );
      this.#socket?.send(JSON.stringify({ id, method, params }));
    });
  }

  /** The value of an expression in the page. */
  async value<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as { result?: { value: T }; exceptionDetails?: { exception?: { description?: string } } };
    if (exceptionDetails)
      throw new Error(exceptionDetails.exception?.description ?? 'the expression failed');
    return result?.value as T;
  }

  text(): Promise<string> {
    return this.value('document.body.innerText');
  }

  /** Waits until the page's text has this in it. */
  async sees(wanted: RegExp | string, timeoutMs = 30_000): Promise<void> {
    let text = '';
    await until(
      `the page shows ${String(wanted)}`,
      async () => {
        text = await this.text();
        return typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text);
      },
      { timeoutMs, seen: () => `\n${text}\n${this.complaints.join('\n')}` },
    );
  }

  /** Clicks the first button, tab or link with this text. */
  async click(text: string): Promise<void> {
    const find = `[...document.querySelectorAll('button, a, [role=tab]')].find(
      (one) => one.innerText.trim() === ${JSON.stringify(text)} && !one.disabled)`;
    await until(`the page has a button "${text}"`, () => this.value<boolean>(`!!${find}`), {
      timeoutMs: 20_000,
    });
    await this.value(`${find}.click()`);
  }

  /** Puts a value into a field, as typing would. */
  async fill(selector: string, value: string): Promise<void> {
    const field = `document.querySelector(${JSON.stringify(selector)})`;
    await until(`the page has ${selector}`, () => this.value<boolean>(`!!${field}`));
    await this.value(`(() => {
      const field = ${field};
      field.value = ${JSON.stringify(value)};
      for (const type of ['input', 'change'])
        field.dispatchEvent(new Event(type, { bubbles: true }));
    })()`);
  }

  /** Keys as a person presses them: `Tab`, `Enter`, `ArrowDown` or text. */
  async press(...keys: string[]): Promise<void> {
    const codes: Record<string, number> = {
      Tab: 9,
      Enter: 13,
      Escape: 27,
      End: 35,
      Home: 36,
      ArrowUp: 38,
      ArrowDown: 40,
    };
    for (const key of keys) {
      const code = codes[key];
      if (code === undefined) {
        await this.send('Input.insertText', { text: key });
        continue;
      }
      const text = key === 'Enter' ? { text: '\r' } : {};
      const event = { key, code: key, windowsVirtualKeyCode: code };
      await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...event, ...text });
      await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
    }
  }

  /** What axe finds wrong, a line each; nothing is wrong with an empty list. */
  async accessibility(): Promise<string[]> {
    const axe = readFileSync(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8');
    await this.value(`if (!window.axe) { ${axe} }; true`);
    const found = await this.value<{ id: string; nodes: { target: string[]; html: string }[] }[]>(
      `axe.run(document, { resultTypes: ['violations'] }).then((all) => all.violations)`,
    );
    return found.flatMap(({ id, nodes }) =>
      nodes.map(({ target, html }) => `${id}: ${target.join(' ')} ${html.slice(0, 200)}`),
    );
  }

  async look(options: { width: number; dark: boolean }): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', {
      width: options.width,
      height: 800,
      deviceScaleFactor: 1,
      mobile: options.width < 500,
    });
    await this.send('Emulation.setEmulatedMedia', {
      features: [{ name: 'prefers-color-scheme', value: options.dark ? 'dark' : 'light' }],
    });
  }

  /** Kept where SKIFF_TEST_SCREENSHOTS says, if it says. */
  async picture(name: string): Promise<void> {
    const dir = process.env['SKIFF_TEST_SCREENSHOTS'];
    if (dir === undefined) return;
    const { data } = await this.send('Page.captureScreenshot', { format: 'png' });
    writeFileSync(join(dir, `${name}.png`), Buffer.from(String(data), 'base64'));
  }

  async close(): Promise<void> {
    this.#socket?.close();
    if (this.#child.exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill('SIGKILL');
      await ended;
    }
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
