import { buildSync } from 'esbuild';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { turn } from '../io/turn.ts';

// The page in a document without a browser: what it asks and what it shows, not how that looks.

interface Element {
  textContent: string;
  value: string;
  getAttribute(name: string): string;
  click(): void;
  dispatchEvent(event: object): void;
}

interface Window {
  document: {
    body: Element;
    querySelector(selector: string): Element | null;
    querySelectorAll(selector: string): Iterable<Element>;
  };
  location: { hash: string };
  Event: new (type: string, init: object) => object;
  JSON: JSON;
  HTMLDialogElement: { prototype: object };
  eval(code: string): void;
}

type JsDom = new (
  html: string,
  options: object,
) => { window: Window & Record<string, unknown> & { close(): void } };

const { JSDOM, VirtualConsole } = createRequire(import.meta.url)('jsdom') as {
  JSDOM: JsDom;
  VirtualConsole: new () => { on(event: string, listener: (error: Error) => void): void };
};

export class Page {
  readonly errors: string[] = [];
  readonly asked: string[] = [];
  readonly #window: ReturnType<typeof open>;

  /** `ask` stands for the browser's fetch. */
  constructor(url: string, ask: (path: string, init: RequestInit) => Promise<Response>) {
    const told = new VirtualConsole();
    told.on('jsdomError', (error) => this.errors.push(error.message));
    this.#window = open(url, told);
    const window = this.#window;
    const browserFetch = async (path: string, init: RequestInit): Promise<Response> => {
      this.asked.push(`${init.method ?? 'GET'} ${path}`);
      const answer = await ask(path, init);
      const parsed = async (): Promise<unknown> => window.JSON.parse(await answer.text());
      return Object.defineProperty(answer, 'json', { value: parsed });
    };
    const dialog = window.HTMLDialogElement.prototype as { showModal(): void };
    dialog.showModal = () => undefined;
    const parts = { TextDecoderStream, TextEncoder, AbortController, URLSearchParams, URL };
    Object.assign(window, parts, { fetch: browserFetch });
    window.eval(script());
  }

  get text(): string {
    return this.#window.document.body.textContent;
  }

  all(selector: string): Element[] {
    return [...this.#window.document.querySelectorAll(selector)];
  }

  go(hash: string): void {
    this.#window.location.hash = hash;
  }

  /** A button or a link by its words. */
  click(words: string): void {
    const found = this.all('a, button:not([disabled])').find(
      (one) => one.textContent.trim() === words,
    );
    if (!found) throw new Error(`nothing to click is called "${words}"`);
    found.click();
  }

  /** Resolves when the page has drawn what it makes of it. */
  async fill(selector: string, value: string): Promise<void> {
    const [field] = this.all(selector);
    if (!field) throw new Error(`no field is ${selector}`);
    field.value = value;
    for (const type of ['input', 'change'])
      field.dispatchEvent(new this.#window.Event(type, { bubbles: true }));
    await turn();
  }

  close(): void {
    this.#window.close();
  }
}

function open(url: string, told: object): InstanceType<JsDom>['window'] {
  const options = { url, runScripts: 'outside-only', pretendToBeVisual: true };
  return new JSDOM('<!doctype html><div id="page"></div>', { ...options, virtualConsole: told })
    .window;
}

/** In one piece: a document of jsdom loads no parts. */
function script(): string {
  const page = join(import.meta.dirname, 'page');
  const { outputFiles } = buildSync({
    entryPoints: [join(page, 'main.tsx')],
    tsconfig: join(page, 'tsconfig.json'),
    bundle: true,
    write: false,
    format: 'iife',
  });
  return outputFiles[0]?.text ?? '';
}
