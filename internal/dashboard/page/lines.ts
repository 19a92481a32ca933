/** A line may be endless: it is cut where it has this many characters, or soon after. */
const longest = 16 * 1024 * 1024;

/** The lines of an answer as they come. */
export async function* eachLine(
  answer: { body: ReadableStream<Uint8Array<ArrayBuffer>> | null },
  most = longest,
): AsyncGenerator<string> {
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest: string[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const parts = value.split('\n');
      for (const [i, part] of parts.entries()) {
        rest.push(part);
        length += part.length;
        if (i === parts.length - 1 && length < most) break;
        yield rest.join('');
        rest = [];
        length = 0;
      }
    }
    if (length > 0) yield rest.join('');
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
