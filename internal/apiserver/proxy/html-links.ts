import { Buffer } from 'node:buffer';
import { Transform, type TransformCallback } from 'node:stream';

/** A longer tag is passed on as it is. */
const maxTagBytes = 16 << 10;
const attribute =
  /(\s(?:href|src|action|background|cite|classid|codebase|data|formaction|icon|longdesc|manifest|poster|profile|usemap)\s*=\s*)(["'])([^"']*)\2/gi;
/** The content of these elements is text, whatever it looks like. */
const textOnly = /^<(script|style|textarea|title|xmp|iframe|noembed|noframes)[\s/>]/i;

/**
 * Rewrites the links in the tags of a page while it flows by: of a page it holds one tag and no
 * more. Bytes are read as latin1, which keeps those it does not look at as they are, in whatever
 * character set.
 */
export class HtmlLinks extends Transform {
  readonly #rewritten: (url: string) => string;
  /** A tag that has begun; empty between tags. */
  #tag = '';
  /** The quote that encloses the tag's last character. */
  #quote = '';
  /**
   * The end tag that is waited for in an element that holds only text, and how much of the text's
   * end may be its beginning.
   */
  #until = '';
  #tail = '';

  constructor(rewritten: (url: string) => string) {
    super();
    this.#rewritten = rewritten;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#push(this.#take(chunk.toString('latin1')));
    done();
  }

  override _flush(done: TransformCallback): void {
    this.#push(this.#tail + this.#tag);
    done();
  }

  #push(text: string): void {
    if (text) this.push(Buffer.from(text, 'latin1'));
  }

  #take(text: string): string {
    const out: string[] = [];
    let at = 0;
    while (at < text.length) {
      if (this.#until) at = this.#text(text, at, out);
      else if (this.#tag) at = this.#inTag(text, at, out);
      else at = this.#between(text, at, out);
    }
    return out.join('');
  }

  #between(text: string, at: number, out: string[]): number {
    const open = text.indexOf('<', at);
    if (open < 0) {
      out.push(text.slice(at));
      return text.length;
    }
    out.push(text.slice(at, open));
    this.#tag = '<';
    this.#quote = '';
    return open + 1;
  }

  #inTag(text: string, at: number, out: string[]): number {
    const start = at;
    // Only a letter opens a tag that has links; `a < b`, comments and end tags go by.
    if (this.#tag === '<' && !/[a-z]/i.test(text[at] ?? '')) {
      out.push(this.#tag);
      this.#tag = '';
      return at;
    }
    for (; at < text.length; at++) {
      const c = text[at] as string;
      if (this.#quote) {
        if (c === this.#quote) this.#quote = '';
      } else if (c === '"' || c === "'") this.#quote = c;
      else if (c === '>') {
        this.#closed(this.#tag + text.slice(start, at + 1), out);
        return at + 1;
      }
    }
    this.#tag += text.slice(start);
    if (this.#tag.length > maxTagBytes) {
      out.push(this.#tag);
      this.#tag = '';
    }
    return at;
  }

  #closed(tag: string, out: string[]): void {
    this.#tag = '';
    out.push(
      tag.replace(
        attribute,
        (_all, head: string, quote: string, url: string) =>
          `${head}${quote}${this.#rewritten(url)}${quote}`,
      ),
    );
    const name = textOnly.exec(tag)?.[1];
    if (name) this.#until = `</${name.toLowerCase()}`;
  }

  #text(text: string, at: number, out: string[]): number {
    const rest = this.#tail + text.slice(at);
    this.#tail = '';
    const end = rest.toLowerCase().indexOf(this.#until);
    if (end >= 0) {
      out.push(rest.slice(0, end));
      this.#tag = rest.slice(end, end + this.#until.length);
      // The rest of this piece is read again, as the rest of an end tag.
      const used = end + this.#until.length - (rest.length - (text.length - at));
      this.#until = '';
      this.#quote = '';
      return at + used;
    }
    const kept = Math.min(rest.length, this.#until.length - 1);
    out.push(rest.slice(0, rest.length - kept));
    this.#tail = rest.slice(rest.length - kept);
    return text.length;
  }
}
